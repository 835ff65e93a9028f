// SPDX-License-Identifier: MIT
//
// varve.h: readers, views, and what an open found.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <varve/varve.h>
#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

std::string_view text(const varve_record& r) { return {static_cast<const char*>(r.data), r.bytes}; }

struct filled {
  temp_dir place;
  std::string directory = (place.path() / "log").string();
  filled() {
    auto l = log::open(directory, {.segment_bytes = 64 * 1024});
    REQUIRE(l);
    for (const auto* each : {"a", "b", "c"}) REQUIRE(l->append(each).has_value());
    REQUIRE(l->append_batch(std::vector<std::string_view>{"d", "e"}).has_value());
    REQUIRE(l->close().has_value());
  }
};

}  // namespace

TEST_CASE("C: a reader goes through a log, waits, and pins", "[capi]") {
  const filled f;
  varve_log* log = nullptr;
  REQUIRE(varve_log_open(f.directory.c_str(), nullptr, &log) == VARVE_OK);
  varve_reader* reader = nullptr;
  REQUIRE(varve_log_reader(log, 0, &reader) == VARVE_OK);
  varve_pin* pin = nullptr;
  CHECK(varve_reader_pin(reader, &pin) == VARVE_NOTHING);
  std::string all;
  varve_record record{};
  while (varve_reader_next(reader, &record) == VARVE_OK) {
    all += text(record);
    CHECK((record.batch_goes_on != 0) == (text(record) == "d"));
    CHECK(record.sequence == all.size());
    if (text(record) == "b") REQUIRE(varve_reader_pin(reader, &pin) == VARVE_OK);
  }
  CHECK(all == "abcde");
  CHECK(varve_reader_position(reader) == 6);
  CHECK(varve_reader_next(reader, &record) == VARVE_NOTHING);
  CHECK(varve_reader_wait(reader, 0) == VARVE_NOTHING);
  REQUIRE(varve_log_append(log, "f", 1, nullptr, nullptr) == VARVE_OK);
  CHECK(varve_reader_wait(reader, -1) == VARVE_OK);
  CHECK(varve_reader_next(reader, &record) == VARVE_OK);
  CHECK(text(record) == "f");
  CHECK(varve_reader_seek(reader, 2) == VARVE_OK);
  CHECK(varve_reader_pin(reader, &pin) == VARVE_NOTHING);
  CHECK(varve_reader_next(reader, &record) == VARVE_OK);
  CHECK(text(record) == "b");
  CHECK(varve_reader_seek(reader, 20) == VARVE_PAST_END);
  varve_pin* second = nullptr;  // it stays where it was, and so does what it gave
  REQUIRE(varve_reader_pin(reader, &second) == VARVE_OK);
  varve_pin_free(second);
  varve_log_free(log);
  CHECK(text(record) == "b");
  varve_reader_free(reader);
  varve_pin_free(pin);
  varve_reader_free(nullptr);
}

TEST_CASE("C: a view reads what no writer has open", "[capi]") {
  const filled f;
  varve_view* view = nullptr;
  VARVE_SIZED(varve_view_options, options);
  options.unverified_reads = 1;
  REQUIRE(varve_view_open(f.directory.c_str(), &options, &view) == VARVE_OK);
  CHECK(varve_view_first_sequence(view) == 1);
  CHECK(varve_view_published_sequence(view) == 5);
  CHECK(varve_view_durable_sequence(view) == 5);
  varve_record record{};
  varve_pin* pin = nullptr;
  REQUIRE(varve_view_read(view, 4, &record, &pin) == VARVE_OK);
  CHECK(text(record) == "d");
  char byte = 0;
  REQUIRE(varve_view_read_copy(view, 3, &byte, 1, &record) == VARVE_OK);
  CHECK(byte == 'c');
  CHECK(varve_view_read(view, 6, &record, &pin) == VARVE_NOT_YET);
  varve_reader* reader = nullptr;
  REQUIRE(varve_view_reader(view, 5, &reader) == VARVE_OK);
  CHECK(varve_reader_next(reader, &record) == VARVE_OK);
  VARVE_SIZED(varve_statistics, s);
  REQUIRE(varve_view_stats(view, &s) == VARVE_OK);
  CHECK(s.published == 5);
  VARVE_SIZED(varve_description, d);
  REQUIRE(varve_view_describe(view, &d) == VARVE_OK);
  CHECK(d.writer == VARVE_NOBODY);
  REQUIRE(d.has_next_open == 1);
  CHECK(d.next_open.found == VARVE_ENDING_CLOSED);
  CHECK(d.next_open.kept == 5);
  CHECK(d.refuses == 0);
  varve_view_free(view);
  CHECK(varve_reader_next(reader, &record) == VARVE_NOTHING);
  varve_reader_free(reader);
  varve_pin_free(pin);
  CHECK(varve_view_open("/nonexistent", nullptr, &view) == VARVE_NOT_FOUND);
}

TEST_CASE("C: what was found", "[capi]") {
  const filled f;
  const auto count = [](void* user, const varve_finding* found) {
    CHECK(found->kind == VARVE_FINDING_DAMAGE);
    CHECK(found->segment == 1);
    CHECK(found->cause_bytes > 5);
    ++*static_cast<int*>(user);
  };
  int findings = 0;
  VARVE_SIZED(varve_report, report);
  CHECK(varve_verify(f.directory.c_str(), &report, count, &findings) == VARVE_OK);
  CHECK(findings == 0);
  CHECK(report.kept == 5);
  CHECK(report.clean == 1);
  flip_bit(std::filesystem::path{f.directory} / "00000000000000000001.seg", 4096 + 24);
  CHECK(varve_verify(f.directory.c_str(), &report, count, &findings) == VARVE_OK);
  CHECK(findings > 0);
  CHECK(report.findings == static_cast<std::uint64_t>(findings));
  CHECK(varve_verify(f.directory.c_str(), nullptr, nullptr, nullptr) == VARVE_OK);

  std::uint64_t segments = 0;
  CHECK(varve_rebuild_indexes(f.directory.c_str(), &segments) == VARVE_OK);
  CHECK(segments == 1);
  CHECK(varve_rebuild_indexes("/nonexistent", nullptr) == VARVE_NOT_FOUND);
  struct tally {
    int records = 0, gaps = 0;
  } told;
  VARVE_SIZED(varve_salvage_report, saved);
  const auto take = [](void* user, const varve_record* r) {
    CHECK(r->sequence >= 1);
    ++static_cast<tally*>(user)->records;
    return 0;
  };
  const auto note = [](void* user, const varve_finding* gap) {
    CHECK(gap->kind == VARVE_FINDING_DAMAGE);
    ++static_cast<tally*>(user)->gaps;
    return 0;
  };
  CHECK(varve_salvage(f.directory.c_str(), take, note, &saved, &told) == VARVE_OK);
  CHECK(saved.gaps == static_cast<std::uint64_t>(told.gaps));
  CHECK(saved.records == static_cast<std::uint64_t>(told.records));
  CHECK(saved.missing == 1);
  const auto enough = [](void*, const varve_record*) { return 1; };
  CHECK(varve_salvage(f.directory.c_str(), enough, nullptr, nullptr, nullptr) == VARVE_CANCELLED);
  CHECK(varve_salvage("/nonexistent", nullptr, nullptr, nullptr, nullptr) == VARVE_NOT_FOUND);
  VARVE_SIZED(varve_salvage_options, where);
  const char* const from[] = {f.directory.c_str()};
  where.from = from;
  where.from_count = 1;
  where.on_removed = enough;
  VARVE_SIZED(varve_salvage_report, again);
  CHECK(varve_salvage_with(nullptr, &where, nullptr, nullptr, &again, nullptr) == VARVE_OK);
  CHECK(again.records == saved.records);
  CHECK(again.trim_point_known == 0);
  CHECK(saved.trim_point_known == 1);
  where.from = nullptr;
  CHECK(varve_salvage_with(nullptr, &where, nullptr, nullptr, nullptr, nullptr) == VARVE_BAD_OPTION);

  varve_view* view = nullptr;
  REQUIRE(varve_view_open(f.directory.c_str(), nullptr, &view) == VARVE_OK);
  varve_reader* reader = nullptr;
  REQUIRE(varve_view_reader(view, 1, &reader) == VARVE_OK);
  int pins = 0;
  const auto count_pins = [](void* user, const varve_pin_holder* pin) {
    CHECK(pin->segment == 1);
    ++*static_cast<int*>(user);
  };
  CHECK(varve_view_pins(view, count_pins, &pins) == VARVE_OK);
  CHECK(pins <= 1);  // where the system tells
  varve_reader_free(reader);
  varve_view_free(view);

  VARVE_SIZED(varve_verify_options, with);
  with.threads = VARVE_ALL_PROCESSORS;
  with.on_progress = [](void* user, uint64_t done, uint64_t total) {
    CHECK(done <= total);
    CHECK(*static_cast<int*>(user) == 0);
  };
  findings = 0;
  CHECK(varve_verify_with(f.directory.c_str(), &with, nullptr, nullptr, &findings) == VARVE_OK);
  CHECK(varve_verify_with(f.directory.c_str(), nullptr, nullptr, nullptr, nullptr) == VARVE_OK);
  with.threads = 65;
  CHECK(varve_verify_with(f.directory.c_str(), &with, nullptr, nullptr, &findings) == VARVE_BAD_OPTION);
  with.threads = 2;
  with.reserved[0] = 1;
  CHECK(varve_verify_with(f.directory.c_str(), &with, nullptr, nullptr, &findings) == VARVE_BAD_OPTION);
  CHECK(varve_verify("/nonexistent", nullptr, nullptr, nullptr) == VARVE_NOT_FOUND);

  varve_log* log = nullptr;
  REQUIRE(varve_log_open(f.directory.c_str(), nullptr, &log) == VARVE_OK);
  REQUIRE(varve_log_recovery(log, &report, nullptr, nullptr) == VARVE_OK);
  CHECK(report.clean == 1);
  varve_record record{};
  varve_pin* pin = nullptr;
  CHECK(varve_log_read(log, 1, &record, &pin) == VARVE_DAMAGED);
  VARVE_SIZED(varve_error, e);
  varve_last_error(&e);
  CHECK(e.segment == 1);
  CHECK(e.offset == 4096);
  varve_log_free(log);
}

}  // namespace varve::testing
