// SPDX-License-Identifier: MIT
//
// varve.h says what the C++ headers say: every field of every struct, for the same log.
#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <varve/varve.h>
#include <varve/varve.hpp>

#include "capi/handles.hpp"
#include "capi/options.hpp"
#include "support/catch.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"
#include "unit/capi/twin_fields.hpp"

namespace varve::testing {
namespace {

constexpr std::uint64_t small_segment = 65'536;

/// What callbacks of C were given.
template <class T>
std::vector<fields>& list_of(void* user) {
  return *static_cast<std::vector<fields>*>(user);
}
template <class T>
void note(void* user, const T* given) {
  CHECK(given->size == sizeof(T));
  list_of<T>(user).push_back(of(*given));
}
template <class Range>
std::vector<fields> all_of(const Range& range) {
  std::vector<fields> all;
  for (const auto& each : range) all.push_back(of(each));
  return all;
}

/// A log with everything that a record can be, and what is not one; its writer dies.
void make_log(const std::filesystem::path& place) {
  die_with(place, {.segment_bytes = small_segment, .record_times = true, .version_info = "1.2"}, [](log& l) {
    const std::string_view three[] = {"a", "bb", "ccc"};
    must(l.append_batch(three, {.type = 7}).has_value());
    must(l.append("typed", {.type = 65'535, .time = record_time{std::chrono::nanoseconds{1'234'567'890}}}).has_value());
    auto e = l.begin_entry({.type = 9});
    for (int i = 0; i < 3; ++i) must(e->write_chunk(std::string(i == 1 ? 200'000 : 5, 'e')).has_value());
    must(e->publish().has_value());
    {
      const auto abandoned = l.claim(100);
    }
    for (int i = 0; i < 8; ++i) must(l.append(std::string(20'000, 'x')).has_value());
    must(l.append_batch(three).has_value());
    must(l.truncate_after({l.published_sequence().value - 1}).has_value());  // within the batch
    must(l.append("").has_value());
    must(l.sync().has_value());
    must(l.trim_before({2}).has_value());
    must(l.append_batch(three).has_value());
    static const auto unfinished = l.claim(50);
    must(l.append("behind it").has_value());
  });
}

struct c_handles {
  varve_log* log = nullptr;
  varve_view* view = nullptr;
  ~c_handles() {
    varve_view_free(view);
    varve_log_free(log);
  }
};

/// By number, by copy, and by a reader that also pins: `handle` is the C handle, `twin` the object behind it.
template <class Handle, class Twin, class Read, class Copy, class Reader>
std::size_t compare_records(const Handle* handle, const Twin& twin, Read read, Copy copy, Reader make_reader) {
  std::size_t seen = 0;
  std::string buffer(300'000, '\0');
  for (std::uint64_t s = 0; s <= twin.published_sequence().value + 2; ++s) {
    INFO("sequence " << s);
    varve_record r{};
    varve_pin* pin = nullptr;
    const int code = read(handle, s, &r, &pin);
    const auto e = of_last_error();
    const auto expected = twin.read({s});
    REQUIRE((code == VARVE_OK) == expected.has_value());
    if (!expected) {
      CHECK(e == of(expected.error()));
      continue;
    }
    CHECK(of(r) == of_record(*expected));
    varve_pin_free(pin);
    REQUIRE(copy(handle, s, buffer.data(), buffer.size(), &r) == VARVE_OK);
    CHECK(of(r) == of_record(*expected));
    ++seen;
  }
  varve_reader* reader = nullptr;
  REQUIRE(make_reader(handle, 0, &reader) == VARVE_OK);
  auto expected = twin.reader();
  REQUIRE(expected);
  for (;;) {
    varve_record r{};
    const int code = varve_reader_next(reader, &r);
    const auto next = expected->next();
    REQUIRE(next);
    REQUIRE((code == VARVE_OK) == next->has_value());
    if (!*next) break;
    CHECK(of(r) == of_record(**next));
    CHECK(varve_reader_position(reader) == expected->position().value);
  }
  varve_reader_free(reader);
  return seen;
}

/// The background may be at work: what is the same before and behind is what C was to see.
template <class Ask, class AskC>
void compare_when_quiet(Ask ask, AskC ask_c) {
  for (int tries = 0; tries < 1'000; ++tries) {
    const auto before = ask(), given = ask_c(), after = ask();
    if (before != after) continue;
    CHECK(given == before);
    return;
  }
  FAIL("it never came to rest");
}

}  // namespace

TEST_CASE("C and C++ say the same of a log that is open, and of views of it, field by field", "[capi][twin]") {
  const fast_dir dir;
  make_log(dir.path());
  c_handles c;
  REQUIRE(varve_view_open(dir.path().c_str(), nullptr, &c.view) == VARVE_OK);
  for (const bool has_writer : {false, true}) {
    INFO((has_writer ? "a writer beside" : "nobody writes"));
    if (has_writer) REQUIRE(varve_log_open(dir.path().c_str(), nullptr, &c.log) == VARVE_OK);
    const log_view& view = c.view->view;
    CHECK(compare_records(c.view, view, varve_view_read, varve_view_read_copy, varve_view_reader) > 20);
    VARVE_SIZED(varve_description, d);
    REQUIRE(varve_view_describe(c.view, &d) == VARVE_OK);
    CHECK(of(d) == of(*view.describe()));
    CHECK((d.has_next_open == 0) == has_writer);
    VARVE_SIZED(varve_statistics, s);
    REQUIRE(varve_view_stats(c.view, &s) == VARVE_OK);
    CHECK(of(s) == of(*view.stats()));
    std::vector<fields> segments, pins;
    REQUIRE(varve_view_segments(c.view, note<varve_segment>, &segments) == VARVE_OK);
    CHECK(segments == all_of(*view.segments()));
    CHECK(segments.size() > 2);
    REQUIRE(varve_view_pins(c.view, note<varve_pin_holder>, &pins) == VARVE_OK);
    CHECK(pins == all_of(view.describe()->pins));
    CHECK(varve_view_first_sequence(c.view) == view.first_sequence().value);
    CHECK(varve_view_published_sequence(c.view) == view.published_sequence().value);
    CHECK(varve_view_durable_sequence(c.view) == view.durable_sequence().value);
  }
  const log& l = c.log->log;
  CHECK(compare_records(c.log, l, varve_log_read, varve_log_read_copy, varve_log_reader) > 20);
  compare_when_quiet([&] { return of(l.stats()); },
                     [&] {
                       VARVE_SIZED(varve_statistics, s);
                       REQUIRE(varve_log_stats(c.log, &s) == VARVE_OK);
                       return of(s);
                     });
  VARVE_SIZED(varve_report, report);
  std::vector<fields> findings, verdicts;
  REQUIRE(varve_log_recovery(c.log, &report, note<varve_finding>, &findings) == VARVE_OK);
  CHECK(of(report) == of(l.recovery()));
  CHECK(report.stepped_over > 0);
  CHECK(findings == all_of(l.recovery().findings));
  CHECK(!findings.empty());
  VARVE_SIZED(varve_retention_rules, rules);
  rules.max_segments = 2;
  REQUIRE(varve_log_plan_retention(c.log, &rules, note<varve_retention_verdict>, &verdicts) == VARVE_OK);
  CHECK(verdicts == all_of(*l.plan_retention({.max_segments = 2})));
  CHECK(verdicts.size() > 2);
  CHECK(varve_log_checkpointed_sequence(c.log) == l.checkpointed_sequence().value);
  CHECK(varve_log_archived_sequence(c.log) == l.archived_sequence().value);
  CHECK(varve_log_record_bytes_max(c.log) == l.record_bytes_max());
  CHECK(varve_log_failure(c.log) == VARVE_OK);
  CHECK(varve_log_mark_failure(c.log) == VARVE_OK);
}

TEST_CASE("C and C++ say the same of what fails, field by field", "[capi][twin]") {
  const fast_dir dir;
  make_log(dir.path());
  c_handles c;
  REQUIRE(varve_log_open(dir.path().c_str(), nullptr, &c.log) == VARVE_OK);
  log& l = c.log->log;
  const auto same = [](int code, const auto& twin) {
    const auto e = of_last_error();
    REQUIRE(!twin);
    CHECK(code == static_cast<int>(twin.error().code()));
    CHECK(e == of(twin.error()));
  };
  varve_log* other = nullptr;
  same(varve_log_open(dir.path().c_str(), nullptr, &other), log::open(dir.path()));  // locked, by a process
  same(varve_log_trim_before(c.log, 1'000'000), l.trim_before({1'000'000}));
  same(varve_log_truncate_after(c.log, 1'000'000), l.truncate_after({1'000'000}));
  same(varve_log_truncate_after(c.log, 0), l.truncate_after({0}));
  same(varve_log_reset(c.log, 0), l.reset({0}));
  same(varve_log_sync_to(c.log, 1'000'000, -1), l.sync({1'000'000}));
  same(varve_log_checkpoint(c.log, nullptr), l.checkpoint());
  same(varve_log_wait_durable(c.log, 1, -1), l.wait_durable({1}, std::chrono::steady_clock::time_point::max()));
  varve_claim* claim = nullptr;
  void* data = nullptr;
  const std::size_t much = std::size_t{5} << 30;
  same(varve_log_claim(c.log, much, nullptr, &claim, &data), l.claim(much));
  varve_view* view = nullptr;
  same(varve_view_open((dir.path() / "else").c_str(), nullptr, &view), log_view::open(dir.path() / "else"));
}

TEST_CASE("C and C++ say the same of damage, field by field", "[capi][twin][damage]") {
  const fast_dir dir;
  make_log(dir.path());
  const char* const place = dir.path().c_str();
  flip_payload_bit(dir.path(), 5);
  std::vector<fields> findings, expected;
  VARVE_SIZED(varve_report, report);
  REQUIRE(varve_verify(place, &report, note<varve_finding>, &findings) == VARVE_OK);
  const auto verified = verify(dir.path(), [&](const recovery_report::finding& f) { expected.push_back(of(f)); });
  REQUIRE(verified);
  CHECK(of(report) == of(*verified));
  CHECK(findings == expected);
  CHECK(findings.size() > 1);

  struct heard {
    std::vector<fields> records{}, gaps{};
  };
  heard in_c, twin;
  VARVE_SIZED(varve_salvage_report, saved);
  REQUIRE(varve_salvage(
              place,
              [](void* user, const varve_record* r) {
                static_cast<heard*>(user)->records.push_back(of(*r));
                return 0;
              },
              [](void* user, const varve_finding* g) {
                static_cast<heard*>(user)->gaps.push_back(of(*g));
                return 0;
              },
              &saved, &in_c) == VARVE_OK);
  const auto salvaged = salvage(dir.path(), {.record =
                                                 [&](const record& r) {
                                                   twin.records.push_back(of_record(r));
                                                   return true;
                                                 },
                                             .gap =
                                                 [&](const recovery_report::finding& g) {
                                                   twin.gaps.push_back(of(g));
                                                   return true;
                                                 }});
  REQUIRE(salvaged);
  CHECK(of(saved) == of(*salvaged));
  CHECK(in_c.records == twin.records);
  CHECK(in_c.gaps == twin.gaps);
  CHECK(!in_c.gaps.empty());
}

TEST_CASE("each option of C is one of C++, and 0 is its default", "[capi][twin]") {
  // The options of C++, each by its own name: one more does not compile until it is looked at here.
  const auto shown_options = [](const log_options& o) {
    const auto& [segment_bytes, checksum, index_stride_bytes, record_times, durability, mark_interval, version_info,
                 recovery, on_recovery, recovery_threads, verify_at_open, checkpoint, archive, prepared_segments,
                 spare_segments, retention, max_disk_bytes, when_full, warm_bytes, create, allow_any_file_system,
                 verify_on_read, file_mode, on_progress] = o;
    const auto& [max_bytes, max_segments, max_age, keep_records, keep_for_readers, readers_max_bytes, readers_max_age] =
        retention;
    return fields{{"segment_bytes", shown(segment_bytes)},
                  {"checksum", checksum ? shown(*checksum) : "default"},
                  {"index_stride_bytes", shown(index_stride_bytes)},
                  {"record_times", record_times ? shown(*record_times) : "default"},
                  {"durability", shown(durability.policy()) + ' ' + shown(durability.window().count()) + ' ' +
                                     shown(durability.interval().count()) + ' ' + shown(durability.records()) + ' ' +
                                     shown(durability.bytes())},
                  {"mark_interval", shown(mark_interval.count())},
                  {"version_info", std::string{version_info}},
                  {"recovery", shown(recovery)},
                  {"on_recovery.segment", shown(static_cast<bool>(on_recovery.segment))},
                  {"on_recovery.record", shown(static_cast<bool>(on_recovery.record))},
                  {"recovery_threads", shown(recovery_threads)},
                  {"verify_at_open", shown(verify_at_open)},
                  {"checkpoint.save", shown(static_cast<bool>(checkpoint.save))},
                  {"checkpoint.after_bytes", shown(checkpoint.after_bytes)},
                  {"archive.sealed", shown(static_cast<bool>(archive.sealed))},
                  {"archive.dropping", shown(static_cast<bool>(archive.dropping))},
                  {"prepared_segments", shown(prepared_segments)},
                  {"spare_segments", shown(spare_segments)},
                  {"max_bytes", shown(max_bytes)},
                  {"max_segments", shown(max_segments)},
                  {"max_age", shown(max_age.count())},
                  {"keep_records", shown(keep_records)},
                  {"keep_for_readers", shown(keep_for_readers)},
                  {"readers_max_bytes", shown(readers_max_bytes)},
                  {"readers_max_age", shown(readers_max_age.count())},
                  {"max_disk_bytes", shown(max_disk_bytes)},
                  {"when_full", shown(when_full)},
                  {"warm_bytes", shown(warm_bytes)},
                  {"create", shown(create)},
                  {"allow_any_file_system", shown(allow_any_file_system)},
                  {"verify_on_read", shown(verify_on_read)},
                  {"file_mode", shown(file_mode)},
                  {"on_progress", shown(static_cast<bool>(on_progress))}};
  };
  VARVE_SIZED(varve_log_options, o);
  CHECK(shown_options(*capi::options_of(&o)) == shown_options(log_options{}));
  VARVE_SIZED(varve_retention_rules, rules);
  rules.max_bytes = 11;
  rules.max_segments = 12;
  rules.max_age_seconds = 13;
  rules.keep_records = 14;
  rules.readers_max_bytes = 15;
  rules.readers_max_age_seconds = 16;
  rules.keep_for_readers = 1;
  o.segment_bytes = small_segment;
  o.checksum = VARVE_CRC64;
  o.index_stride_bytes = 4096;
  o.durability = {VARVE_PERIODIC, 0, 0, 5, 6, 7};
  o.version_info = "v9";
  o.version_info_bytes = 2;
  o.prepared_segments = 3;
  o.file_mode = 0640;
  o.warm_bytes = 17;
  o.strict_recovery = o.must_exist = o.allow_any_file_system = o.unverified_reads = o.verify_at_open = 1;
  o.record_times = VARVE_WITHOUT_TIMES;
  o.on_progress = [](void*, std::uint64_t, std::uint64_t) {};
  o.spare_segments = VARVE_NO_SPARES;
  o.when_full = VARVE_WAIT;
  o.max_disk_bytes = 18;
  o.retention = &rules;
  o.recovery_threads = VARVE_ALL_PROCESSORS;
  o.checkpoint_after_bytes = VARVE_ON_REQUEST;
  o.save = [](void*, varve_reader*, std::uint64_t, std::uint64_t) { return 1; };
  o.segment_sealed = [](void*, const varve_sealed_segment*) { return 1; };
  o.segment_dropping = [](void*, const varve_sealed_segment*) {};
  o.recover_segment = [](void*, const varve_recovered_segment*) { return 1; };
  o.recover_record = [](void*, const varve_record*) { return 1; };
  o.mark_interval_ms = VARVE_NEVER;
  log_options twin{.segment_bytes = small_segment,
                   .checksum = checksum::crc64,
                   .index_stride_bytes = 4096,
                   .record_times = false,
                   .durability = periodic(std::chrono::milliseconds{5}, 6, 7),
                   .mark_interval = std::chrono::milliseconds{0},
                   .version_info = "v9",
                   .recovery = recovery_mode::strict,
                   .recovery_threads = 0,
                   .verify_at_open = true,
                   .prepared_segments = 3,
                   .spare_segments = 0,
                   .retention = {.max_bytes = 11,
                                 .max_segments = 12,
                                 .max_age = std::chrono::seconds{13},
                                 .keep_records = 14,
                                 .keep_for_readers = true,
                                 .readers_max_bytes = 15,
                                 .readers_max_age = std::chrono::seconds{16}},
                   .max_disk_bytes = 18,
                   .when_full = when_full::wait,
                   .warm_bytes = 17,
                   .create = false,
                   .allow_any_file_system = true,
                   .verify_on_read = false,
                   .file_mode = 0640};
  twin.checkpoint = {.save = [](const checkpoint_request&) { return true; }, .after_bytes = 0};
  twin.archive.sealed = [](const sealed_segment&) { return true; };
  twin.archive.dropping = [](const sealed_segment&) {};
  twin.on_recovery.segment = [](const recovered_segment&) { return recovery_handler::choice::recover; };
  twin.on_recovery.record = [](const record&) { return true; };
  twin.on_progress = [](const recovery_progress&) {};
  const auto known = capi::options_of(&o);
  REQUIRE(known);
  CHECK(shown_options(*known) == shown_options(twin));
  const auto defaults = shown_options(log_options{}), changed = shown_options(twin);
  for (const auto& [name, value] : changed) {  // so that each was tried
    INFO(name);
    CHECK(value != defaults.at(name));
  }

  VARVE_SIZED(varve_append_options, a);
  a.type = 3;
  a.time_ns = 44;
  a.durability = {VARVE_GROUPED, 0, 55, 0, 0, 0};
  const auto appending = capi::options_of(&a);
  REQUIRE(appending);
  const auto& [type, policy, time] = *appending;
  CHECK(type == 3);
  CHECK(policy == grouped(std::chrono::microseconds{55}));
  CHECK(time.time_since_epoch().count() == 44);
  VARVE_SIZED(varve_view_options, v);
  v.unverified_reads = 1;
  const auto [verify_on_read] = *capi::options_of(&v);
  CHECK(!verify_on_read);
  VARVE_SIZED(varve_verify_options, w);
  w.threads = 4;
  w.accept_loss = 1;
  w.on_progress = o.on_progress;
  const auto [threads, recovery_foretold, on_progress] = *capi::options_of(&w, nullptr);
  CHECK(threads == 4);
  CHECK(recovery_foretold == recovery_mode::accept_loss);
  CHECK(on_progress);
}

}  // namespace varve::testing
