// SPDX-License-Identifier: MIT
//
// varve.h: a log through the C interface.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <varve/varve.h>
#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

constexpr std::int64_t for_ever = -1;

std::string_view text(const varve_record& r) { return {static_cast<const char*>(r.data), r.bytes}; }

/// A log that the C interface opened, and closes.
struct c_log {
  temp_dir place;
  std::string directory = (place.path() / "log").string();
  varve_log* handle = nullptr;

  explicit c_log(const varve_log_options* options = nullptr) { open(options); }
  ~c_log() { varve_log_free(handle); }
  c_log(const c_log&) = delete;
  c_log& operator=(const c_log&) = delete;
  void open(const varve_log_options* options = nullptr) {
    REQUIRE(varve_log_open(directory.c_str(), options, &handle) == VARVE_OK);
  }
  std::uint64_t append(std::string_view payload) const {
    std::uint64_t sequence = 0;
    REQUIRE(varve_log_append(handle, payload.data(), payload.size(), nullptr, &sequence) == VARVE_OK);
    return sequence;
  }
  [[nodiscard]] std::string read(std::uint64_t sequence) const {
    varve_record record{};
    varve_pin* pin = nullptr;
    REQUIRE(varve_log_read(handle, sequence, &record, &pin) == VARVE_OK);
    std::string copy{text(record)};
    varve_pin_free(pin);
    return copy;
  }
};

}  // namespace

TEST_CASE("the codes of the C interface are those of the other one", "[capi]") {
  CHECK(VARVE_LOCKED == static_cast<int>(errc::locked));
  CHECK(VARVE_BUG == static_cast<int>(errc::bug));
  for (int code = VARVE_LOCKED; code <= VARVE_BUG; ++code) {
    INFO(code);
    CHECK(varve_code_name(code) == std::string{name_of(static_cast<errc>(code))});
    CHECK(std::strlen(varve_code_name(code)) > 1);
  }
  CHECK(varve_code_name(VARVE_NO_SPACE) == std::string{"no_space"});
  CHECK(varve_code_name(VARVE_DAMAGED) == std::string{"damaged"});
  CHECK(varve_code_name(VARVE_OK) == std::string{"ok"});
  CHECK(varve_code_name(VARVE_NOTHING) == std::string{"nothing"});
  CHECK(varve_code_name(VARVE_BUG + 1) == std::string{"?"});
  CHECK(varve_code_name(-2) == std::string{"?"});
  CHECK(varve_version() == std::to_string(VARVE_VERSION_MAJOR) + '.' + std::to_string(VARVE_VERSION_MINOR) + '.' +
                               std::to_string(VARVE_VERSION_PATCH));
}

TEST_CASE("C: records are appended, found by number, and there after the log was closed", "[capi]") {
  c_log l;
  CHECK(l.append("one") == 1);
  const std::array pieces{varve_bytes{"in ", 3}, varve_bytes{nullptr, 0}, varve_bytes{"pieces", 6}};
  std::uint64_t sequence = 0;
  REQUIRE(varve_log_append_pieces(l.handle, pieces.data(), pieces.size(), nullptr, &sequence) == VARVE_OK);
  CHECK(sequence == 2);
  const std::vector<varve_bytes> batch(100, varve_bytes{"many", 4});
  REQUIRE(varve_log_append_batch(l.handle, batch.data(), batch.size(), nullptr, &sequence) == VARVE_OK);
  CHECK(sequence == 3);
  VARVE_SIZED(varve_append_options, options);
  options.type = 7;
  options.durability.kind = VARVE_IMMEDIATE;
  REQUIRE(varve_log_append(l.handle, nullptr, 0, &options, nullptr) == VARVE_OK);
  CHECK(varve_log_durable_sequence(l.handle) == 103);

  CHECK(varve_log_close(l.handle) == VARVE_OK);
  CHECK(varve_log_append(l.handle, "x", 1, nullptr, nullptr) == VARVE_CLOSED);
  varve_log_free(l.handle);
  l.open();
  CHECK(l.read(1) == "one");
  CHECK(l.read(2) == "in pieces");
  CHECK(l.read(102) == "many");
  varve_record record{};
  varve_pin* pin = nullptr;
  REQUIRE(varve_log_read(l.handle, 103, &record, &pin) == VARVE_OK);
  varve_pin_free(pin);
  CHECK(record.bytes == 0);
  CHECK(record.type == 7);
  CHECK(record.epoch == 1);
  CHECK(record.sequence == 103);
  CHECK(varve_log_first_sequence(l.handle) == 1);
  CHECK(varve_log_published_sequence(l.handle) == 103);

  std::array<char, 4> buffer{};
  REQUIRE(varve_log_read_copy(l.handle, 2, buffer.data(), buffer.size(), &record) == VARVE_OK);
  CHECK(std::string_view{buffer.data(), buffer.size()} == "in p");
  CHECK(record.data == buffer.data());
  CHECK(record.bytes == 9);
}

TEST_CASE("C: a pin keeps its record, also without the log", "[capi]") {
  auto l = std::make_unique<c_log>();
  l->append("kept");
  varve_record record{};
  varve_pin* pin = nullptr;
  REQUIRE(varve_log_read(l->handle, 1, &record, &pin) == VARVE_OK);
  l.reset();
  CHECK(text(record) == "kept");
  varve_pin_free(pin);
  varve_pin_free(nullptr);
}

TEST_CASE("C: what fails says what, where and what to do, to its own thread", "[capi]") {
  const c_log l;
  varve_log* other = nullptr;
  CHECK(varve_log_open(l.directory.c_str(), nullptr, &other) == VARVE_LOCKED);
  CHECK(other == nullptr);
  VARVE_SIZED(varve_error, e);
  CHECK(varve_last_error(&e) == VARVE_LOCKED);
  CHECK(e.code == VARVE_LOCKED);
  CHECK(e.process == static_cast<std::uint64_t>(getpid()));
  CHECK_THAT(std::string(e.path, e.path_bytes), Catch::EndsWith("/log"));
  CHECK_THAT(varve_error_message(), Catch::Contains(l.directory));
  int seen_elsewhere = -2;
  std::thread{[&] { seen_elsewhere = varve_last_error(nullptr); }}.join();
  CHECK(seen_elsewhere == VARVE_OK);

  const std::size_t limit = varve_log_record_bytes_max(l.handle);
  CHECK(varve_log_append(l.handle, "never read", limit + 1, nullptr, nullptr) == VARVE_TOO_LARGE);
  varve_last_error(&e);
  CHECK(e.limit == limit);
  varve_record record{};
  varve_pin* pin = nullptr;
  CHECK(varve_log_read(l.handle, 9, &record, &pin) == VARVE_PAST_END);
  varve_last_error(&e);
  CHECK(e.first_sequence == 9);
  CHECK(pin == nullptr);
  CHECK(varve_log_append_batch(l.handle, nullptr, 0, nullptr, nullptr) == VARVE_BAD_OPTION);
  const varve_bytes piece{"x", 1};
  constexpr std::size_t more_than_there_can_be = std::size_t{1} << 60;
  CHECK(varve_log_append_pieces(l.handle, &piece, more_than_there_can_be, nullptr, nullptr) == VARVE_TOO_LARGE);
  CHECK(varve_log_append_batch(l.handle, &piece, more_than_there_can_be, nullptr, nullptr) == VARVE_TOO_LARGE);
}

TEST_CASE("C: a thread that ends may still ask what went wrong", "[capi]") {
  struct late {
    std::string* said = nullptr;
    ~late() {
      if (said == nullptr) return;
      varve_log* log = nullptr;
      if (varve_log_open("/nonexistent/log", nullptr, &log) == VARVE_NOT_FOUND) *said = varve_error_message();
    }
  };
  std::string said;
  std::thread{[&] {
    thread_local late at_the_end;  // made before the thread's first error, so destroyed after it
    at_the_end.said = &said;
    varve_log* log = nullptr;
    static_cast<void>(varve_log_open("/nonexistent/log", nullptr, &log));
    static_cast<void>(varve_error_message());
  }}.join();
  CHECK_THAT(said, Catch::Contains("/nonexistent"));
}

TEST_CASE("C: options of another age", "[capi]") {
  const temp_dir place;
  const std::string directory = (place.path() / "log").string();
  varve_log* log = nullptr;
  SECTION("an older program, whose struct ends earlier") {
    struct {
      std::size_t size;
      std::uint64_t segment_bytes;
    } old{sizeof old, 64 * 1024};
    REQUIRE(varve_log_open(directory.c_str(), reinterpret_cast<const varve_log_options*>(&old), &log) == VARVE_OK);
    VARVE_SIZED(varve_statistics, s);
    REQUIRE(varve_log_stats(log, &s) == VARVE_OK);
    CHECK(s.bytes_allocated % (64 * 1024) == 0);
    CHECK(s.bytes_allocated < 64 * 64 * 1024);
  }
  SECTION("a newer program that sets nothing new") {
    struct {
      varve_log_options known;
      std::uint64_t news;
    } newer{};
    newer.known.size = sizeof newer;
    REQUIRE(varve_log_open(directory.c_str(), &newer.known, &log) == VARVE_OK);
  }
  SECTION("a newer program that wants what this library cannot do") {
    struct {
      varve_log_options known;
      std::uint64_t news;
    } newer{};
    newer.known.size = sizeof newer;
    newer.news = 1;
    CHECK(varve_log_open(directory.c_str(), &newer.known, &log) == VARVE_BAD_OPTION);
  }
  SECTION("no size at all") {
    const varve_log_options unset{};
    CHECK(varve_log_open(directory.c_str(), &unset, &log) == VARVE_BAD_OPTION);
  }
  SECTION("values that mean nothing") {
    VARVE_SIZED(varve_log_options, options);
    SECTION("checksum") { options.checksum = 6; }
    SECTION("durability") { options.durability.kind = 5; }
    SECTION("when full") { options.when_full = 3; }
    SECTION("reserved") { options.reserved[0] = 1; }
    SECTION("reserved, of the durability") { options.durability.reserved = 1; }
    CHECK(varve_log_open(directory.c_str(), &options, &log) == VARVE_BAD_OPTION);
    CHECK_THAT(varve_error_message(), Catch::EndsWith("correct it."));
  }
  SECTION("statistics for an older program") {
    REQUIRE(varve_log_open(directory.c_str(), nullptr, &log) == VARVE_OK);
    struct {
      std::size_t size = 3 * sizeof(std::uint64_t);
      std::uint64_t first = 0, durable = 0, behind = 77;
    } old;
    CHECK(varve_log_stats(log, reinterpret_cast<varve_statistics*>(&old)) == VARVE_OK);
    CHECK(old.first == 1);
    CHECK(old.behind == 77);
  }
  SECTION("statistics for a newer program") {
    REQUIRE(varve_log_open(directory.c_str(), nullptr, &log) == VARVE_OK);
    struct {
      varve_statistics known{};
      std::uint64_t news = 77;
    } newer;
    newer.known.size = sizeof newer;
    CHECK(varve_log_stats(log, &newer.known) == VARVE_OK);
    CHECK(newer.known.first == 1);
    CHECK(newer.news == 0);
  }
  SECTION("results without a size") {
    REQUIRE(varve_log_open(directory.c_str(), nullptr, &log) == VARVE_OK);
    varve_statistics statistics{};
    CHECK(varve_log_stats(log, &statistics) == VARVE_BAD_OPTION);
    CHECK(statistics.first == 0);
    varve_report report{};
    CHECK(varve_log_recovery(log, &report, nullptr, nullptr) == VARVE_BAD_OPTION);
    CHECK(varve_verify(directory.c_str(), &report, nullptr, nullptr) == VARVE_BAD_OPTION);
  }
  varve_log_free(log);
}

TEST_CASE("C: the newest records are dropped, or all of them", "[capi][truncate]") {
  c_log l;
  for (int i = 0; i < 5; ++i) REQUIRE(varve_log_append(l.handle, "x", 1, nullptr, nullptr) == VARVE_OK);
  CHECK(varve_log_truncate_after(l.handle, 6) == VARVE_PAST_END);
  REQUIRE(varve_log_truncate_after(l.handle, 2) == VARVE_OK);
  CHECK(varve_log_published_sequence(l.handle) == 2);
  CHECK(varve_log_reset(l.handle, 0) == VARVE_BAD_OPTION);
  REQUIRE(varve_log_reset(l.handle, 10) == VARVE_OK);
  CHECK(varve_log_first_sequence(l.handle) == 10);
  uint64_t sequence = 0;
  REQUIRE(varve_log_append(l.handle, "x", 1, nullptr, &sequence) == VARVE_OK);
  CHECK(sequence == 10);
}

TEST_CASE("C: the oldest records are dropped, by number and by rules", "[capi][trim][retention]") {
  VARVE_SIZED(varve_retention_rules, own);
  own.keep_records = 1;
  VARVE_SIZED(varve_log_options, options);
  options.segment_bytes = 64 * 1024;
  options.spare_segments = VARVE_NO_SPARES;
  options.retention = &own;
  options.max_disk_bytes = 16 * 64 * 1024;
  options.when_full = VARVE_DROP_OLDEST;
  c_log l{&options};
  const std::string large(30'000, 'x');
  for (int i = 0; i < 20; ++i) REQUIRE(varve_log_append(l.handle, large.data(), large.size(), nullptr, nullptr) == VARVE_OK);
  CHECK(varve_log_trim_before(l.handle, 22) == VARVE_PAST_END);
  REQUIRE(varve_log_trim_before(l.handle, 4) == VARVE_OK);
  CHECK(varve_log_first_sequence(l.handle) == 4);
  varve_pin* pin = nullptr;
  CHECK(varve_log_read(l.handle, 3, nullptr, &pin) == VARVE_TRIMMED);
  REQUIRE(varve_log_read(l.handle, 4, nullptr, &pin) == VARVE_OK);
  varve_pin_free(pin);
  REQUIRE(varve_log_sync(l.handle, nullptr) == VARVE_OK);

  VARVE_SIZED(varve_retention_rules, rules);
  rules.max_segments = 1'000;
  std::vector<varve_retention_verdict> verdicts;
  const varve_on_verdict note = [](void* user, const varve_retention_verdict* v) {
    static_cast<std::vector<varve_retention_verdict>*>(user)->push_back(*v);
  };
  REQUIRE(varve_log_plan_retention(l.handle, &rules, note, &verdicts) == VARVE_OK);
  REQUIRE(verdicts.size() >= 9);
  CHECK(verdicts.front().reason == VARVE_WITHIN_LIMITS);
  CHECK(verdicts.front().goes == 0);
  CHECK(verdicts.front().bytes == 64 * 1024);
  CHECK(std::string_view(verdicts.front().text, verdicts.front().text_bytes) == "no limit is passed");
  CHECK(verdicts.back().end_sequence == 21);
  varve_view* view = nullptr;
  REQUIRE(varve_view_open(l.directory.c_str(), nullptr, &view) == VARVE_OK);
  std::vector<varve_retention_verdict> foretold;
  REQUIRE(varve_view_plan_retention(view, &rules, note, &foretold) == VARVE_OK);
  CHECK(foretold.size() == verdicts.size());
  CHECK(foretold.back().end_sequence == 21);
  CHECK(foretold.back().bytes == 64 * 1024);
  REQUIRE(varve_log_retain(l.handle, &rules, nullptr, nullptr) == VARVE_OK);
  rules.reserved[0] = 1;
  CHECK(varve_view_plan_retention(view, &rules, nullptr, nullptr) == VARVE_BAD_OPTION);
  varve_view_free(view);
  CHECK(varve_log_retain(l.handle, &rules, nullptr, nullptr) == VARVE_BAD_OPTION);
  CHECK(VARVE_CHECKPOINTED == static_cast<int>(retention_reason::checkpointed));
  CHECK(VARVE_WAIT == static_cast<int>(when_full::wait));
  CHECK(VARVE_SEGMENT_DROPPED == static_cast<int>(segment_description::state::dropped));
}

TEST_CASE("C: every option arrives", "[capi]") {
  VARVE_SIZED(varve_log_options, options);
  options.segment_bytes = 128 * 1024;
  options.checksum = VARVE_CRC32C;
  options.index_stride_bytes = 512;
  options.durability = {VARVE_PERIODIC, 0, 0, 5, 1, 0};
  options.version_info = "v7";
  options.version_info_bytes = 2;
  options.prepared_segments = 1;
  options.file_mode = 0640;
  int calls = 0;
  options.on_progress = [](void* user, std::uint64_t, std::uint64_t) { ++*static_cast<int*>(user); };
  options.user = &calls;
  c_log l{&options};
  l.append("x");
  CHECK(varve_log_wait_durable(l.handle, 1, for_ever) == VARVE_OK);

  varve_view* view = nullptr;
  REQUIRE(varve_view_open(l.directory.c_str(), nullptr, &view) == VARVE_OK);
  VARVE_SIZED(varve_description, d);
  REQUIRE(varve_view_describe(view, &d) == VARVE_OK);
  CHECK(d.segment_bytes == 128 * 1024);
  CHECK(d.checksum == VARVE_CRC32C);
  CHECK(d.index_stride_bytes == 512);
  CHECK(d.writer == VARVE_APPENDING);
  CHECK(d.process == static_cast<std::uint64_t>(getpid()));
  CHECK(d.has_next_open == 0);
  CHECK(d.last_open.found == VARVE_ENDING_CLOSED);
  std::vector<std::string> infos;
  const auto note = [](void* user, const varve_segment* s) {
    if (s->state == VARVE_SEGMENT_ACTIVE)
      static_cast<std::vector<std::string>*>(user)->emplace_back(s->version_info, s->version_info_bytes);
  };
  REQUIRE(varve_view_segments(view, note, &infos) == VARVE_OK);
  CHECK(infos == std::vector<std::string>{"v7"});
  varve_view_free(view);

  VARVE_SIZED(varve_statistics, s);
  REQUIRE(varve_log_stats(l.handle, &s) == VARVE_OK);
  CHECK(s.published == 1);
  CHECK(s.segments == 1);
  CHECK(s.syncs > 0);
  varve_log_free(std::exchange(l.handle, nullptr));
  options.must_exist = 1;
  CHECK(varve_log_open((l.directory + "else").c_str(), &options, &l.handle) == VARVE_NOT_FOUND);
  CHECK(calls == 0);  // it had been closed
}

TEST_CASE("C: records carry times, and are found by them", "[capi][time]") {
  VARVE_SIZED(varve_log_options, options);
  options.record_times = VARVE_WITH_TIMES;
  c_log l{&options};
  VARVE_SIZED(varve_append_options, append);
  for (const std::int64_t ns : {10, 30, 20}) {
    append.time_ns = ns;
    REQUIRE(varve_log_append(l.handle, "x", 1, &append, nullptr) == VARVE_OK);
  }
  std::uint64_t sequence = 0;
  REQUIRE(varve_log_find_time(l.handle, 15, &sequence) == VARVE_OK);
  CHECK(sequence == 2);
  varve_record record{};
  varve_pin* pin = nullptr;
  REQUIRE(varve_log_read(l.handle, 3, &record, &pin) == VARVE_OK);
  CHECK(record.time_ns == 20);
  varve_pin_free(pin);
  varve_reader* reader = nullptr;
  REQUIRE(varve_log_reader(l.handle, 0, &reader) == VARVE_OK);
  REQUIRE(varve_reader_seek_time(reader, 11) == VARVE_OK);
  REQUIRE(varve_reader_next(reader, &record) == VARVE_OK);
  CHECK(record.time_ns == 30);
  varve_reader_free(reader);
  varve_view* view = nullptr;
  REQUIRE(varve_view_open(l.directory.c_str(), nullptr, &view) == VARVE_OK);
  REQUIRE(varve_view_find_time(view, 31, &sequence) == VARVE_OK);
  CHECK(sequence == 4);
  VARVE_SIZED(varve_description, d);
  REQUIRE(varve_view_describe(view, &d) == VARVE_OK);
  CHECK(d.record_times == 1);
  varve_view_free(view);
  options.record_times = VARVE_WITHOUT_TIMES;
  const c_log without{&options};
  CHECK(varve_log_find_time(without.handle, 1, &sequence) == VARVE_BAD_OPTION);
  options.record_times = 3;
  varve_log* none = nullptr;
  CHECK(varve_log_open(l.directory.c_str(), &options, &none) == VARVE_BAD_OPTION);
}

TEST_CASE("C: an entry of several chunks is published whole, or given up", "[capi][entry]") {
  const c_log l;
  VARVE_SIZED(varve_append_options, options);
  options.type = 9;
  varve_entry* entry = nullptr;
  REQUIRE(varve_log_begin_entry(l.handle, &options, &entry) == VARVE_OK);
  CHECK(varve_entry_publish(entry, nullptr) == VARVE_BAD_OPTION);
  REQUIRE(varve_entry_write_chunk(entry, "one", 3) == VARVE_OK);
  REQUIRE(varve_entry_write_chunk(entry, nullptr, 0) == VARVE_OK);
  CHECK(varve_entry_chunks(entry) == 2);
  CHECK(varve_entry_bytes(entry) == 3);
  CHECK(l.append("before") == 1);
  std::uint64_t first = 0;
  REQUIRE(varve_entry_publish(entry, &first) == VARVE_OK);
  CHECK(first == 2);
  CHECK(varve_entry_write_chunk(entry, "x", 1) == VARVE_CLOSED);
  CHECK(varve_entry_publish(entry, nullptr) == VARVE_CLOSED);
  varve_entry_free(entry);
  varve_entry_free(nullptr);

  REQUIRE(varve_log_begin_entry(l.handle, nullptr, &entry) == VARVE_OK);
  REQUIRE(varve_entry_write_chunk(entry, "never", 5) == VARVE_OK);
  varve_entry_roll_back(entry);
  CHECK(varve_entry_publish(entry, nullptr) == VARVE_CLOSED);
  varve_entry_free(entry);
  REQUIRE(varve_log_begin_entry(l.handle, nullptr, &entry) == VARVE_OK);
  REQUIRE(varve_entry_write_chunk(entry, "never", 5) == VARVE_OK);
  varve_entry_free(entry);
  options.reserved[0] = 1;
  CHECK(varve_log_begin_entry(l.handle, &options, &entry) == VARVE_BAD_OPTION);

  varve_reader* reader = nullptr;
  REQUIRE(varve_log_reader(l.handle, 0, &reader) == VARVE_OK);
  constexpr std::pair<std::string_view, bool> expected[] = {{"before", false}, {"one", true}, {"", true}};
  for (const auto& [payload, is_chunk] : expected) {
    varve_record record{};
    REQUIRE(varve_reader_next(reader, &record) == VARVE_OK);
    CHECK(text(record) == payload);
    CHECK((record.is_chunk != 0) == is_chunk);
    CHECK(record.type == (is_chunk ? 9 : 0));
    CHECK((record.batch_goes_on != 0) == (payload == "one"));
    varve_pin* pin = nullptr;
    varve_record same{};
    REQUIRE(varve_log_read(l.handle, record.sequence, &same, &pin) == VARVE_OK);
    CHECK((same.is_chunk != 0) == is_chunk);
    varve_pin_free(pin);
  }
  varve_record none{};
  CHECK(varve_reader_next(reader, &none) == VARVE_NOTHING);
  varve_reader_free(reader);
}

TEST_CASE("C: claims in place", "[capi]") {
  const c_log l;
  varve_claim* claim = nullptr;
  void* data = nullptr;
  REQUIRE(varve_log_claim(l.handle, 10, nullptr, &claim, &data) == VARVE_OK);
  CHECK(varve_claim_sequence(claim) == 1);
  CHECK(varve_log_sync(l.handle, nullptr) == VARVE_WOULD_BLOCK_ITSELF);
  std::memcpy(data, "in place", 8);
  CHECK(varve_claim_publish(claim, 11, nullptr) == VARVE_TOO_LARGE);
  std::uint64_t sequence = 0;
  CHECK(varve_claim_publish(claim, 8, &sequence) == VARVE_OK);
  CHECK(sequence == 1);
  CHECK(varve_claim_publish(claim, 8, nullptr) == VARVE_CLOSED);
  varve_claim_free(claim);
  CHECK(l.read(1) == "in place");

  REQUIRE(varve_log_claim(l.handle, 10, nullptr, &claim, &data) == VARVE_OK);
  varve_claim_free(claim);
  varve_record record{};
  varve_pin* pin = nullptr;
  CHECK(varve_log_read(l.handle, 2, &record, &pin) == VARVE_ABANDONED);
  REQUIRE(varve_log_claim(l.handle, 10, nullptr, &claim, &data) == VARVE_OK);
  varve_claim_lose(claim);
  CHECK(varve_claim_publish(claim, 8, nullptr) == VARVE_CLOSED);
  varve_claim_free(claim);
  CHECK(varve_log_read(l.handle, 3, &record, &pin) == VARVE_DAMAGED);
  varve_claim_free(nullptr);
}

TEST_CASE("C: syncs, waits and events", "[capi]") {
  const c_log l;
  l.append("x");
  std::uint64_t durable = 0;
  CHECK(varve_log_durable_sequence(l.handle) == 0);
  CHECK(varve_log_sync(l.handle, &durable) == VARVE_OK);
  CHECK(durable == 1);
  l.append("y");
  CHECK(varve_log_sync_to(l.handle, 2, for_ever) == VARVE_OK);
  CHECK(varve_log_sync_to(l.handle, 3, 0) == VARVE_PAST_END);
  CHECK(varve_log_wait_durable(l.handle, 2, 0) == VARVE_BAD_OPTION);  // nobody would ever do it
  CHECK(varve_log_failure(l.handle) == VARVE_OK);

  varve_event* event = nullptr;
  pollfd descriptor{-1, POLLIN, 0};
  REQUIRE(varve_log_durable_event(l.handle, 3, &event, &descriptor.fd) == VARVE_OK);
  CHECK(poll(&descriptor, 1, 0) == 0);
  l.append("z");
  CHECK(varve_log_sync(l.handle, nullptr) == VARVE_OK);
  CHECK(poll(&descriptor, 1, 30'000) == 1);
  varve_event_free(event);
  REQUIRE(varve_log_published_event(l.handle, 3, &event, &descriptor.fd) == VARVE_OK);
  CHECK(poll(&descriptor, 1, 30'000) == 1);
  varve_event_free(event);
}

}  // namespace varve::testing
