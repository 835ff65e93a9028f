// SPDX-License-Identifier: MIT
//
// verify() on whole logs, dead ones, and beside a writer. What it finds in damaged ones is in tests/damage.
#include <algorithm>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/stepwise_writer.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

const log_options small{.segment_bytes = 64 * 1024};

void append_large(log& l) {
  for (int i = 0; i < 10; ++i) must(l.append(std::string(20'000, 'x')).has_value());
}

}  // namespace

TEST_CASE("verify of a closed log reads every segment and finds nothing", "[verify][G8]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_large(*l);
  }
  const auto before = image_of(dir.path());
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(report->clean);
  CHECK(report->kept == 10);
  CHECK(rows_of(*report) == "");
  CHECK((image_of(dir.path()) == before));
}

TEST_CASE("verify takes up to 64 threads, or as many as there are processors, and tells how far it is",
          "[verify][options]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), small);
    REQUIRE(l);
    append_large(*l);
  }
  for (const std::uint32_t threads : {0U, 1U, 2U, 64U}) {
    const auto caller = std::this_thread::get_id();
    std::vector<recovery_progress> seen;
    const auto on_progress = [&](const recovery_progress& p) {
      CHECK(std::this_thread::get_id() == caller);
      seen.push_back(p);
    };
    CHECK(verify(dir.path(), {}, {.threads = threads, .on_progress = on_progress})->kept == 10);
    REQUIRE_FALSE(seen.empty());
    CHECK(std::ranges::is_sorted(seen, {}, &recovery_progress::bytes_done));
    CHECK(seen.back().bytes_done <= seen.back().bytes_total);
    CHECK(seen.back().bytes_total == 4 * 64 * 1024);
  }
  const auto refused = verify(dir.path(), {}, {.threads = 65});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::bad_option);
  CHECK(refused.error().path() == "threads");
}

TEST_CASE("verify of an empty log finds nothing", "[verify]") {
  const temp_dir dir;
  {
    REQUIRE(log::open(dir.path(), small).has_value());
  }
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(report->kept == 0);
  CHECK(rows_of(*report) == "");
}

TEST_CASE("verify of a dead log says what an open will do, and then it is done", "[verify][G3][G8]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdefgh", 1);
  for (const std::uint64_t s : {3U, 4U, 7U}) clear_stamp(dir.path(), s);
  const bool power = GENERATE(false, true);
  CAPTURE(power);
  if (power) make_power_loss(dir.path());
  const auto before = image_of(dir.path());
  const auto foretold = verify(dir.path());
  REQUIRE(foretold);
  CHECK((image_of(dir.path()) == before));
  CHECK(rows_of(*foretold) == (power ? "R" : "MM"));
  {
    auto l = log::open(dir.path());
    REQUIRE(l);
    const auto& done = l->recovery();
    CHECK(done.kept == foretold->kept);
    CHECK(done.cut_records == foretold->cut_records);
    CHECK(done.cut_bytes == foretold->cut_bytes);
    CHECK(done.stepped_over == foretold->stepped_over);
    CHECK(rows_of(done) == rows_of(*foretold));
    CHECK(done.clean == foretold->clean);
  }
  CHECK(rows_of(*verify(dir.path())) == "");
}

TEST_CASE("verify calls on_finding for each finding, in the order of the log", "[verify][G5]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), small);
    append_all(*l, "abcdef");
  }
  for (const std::uint64_t s : {5U, 2U}) flip_payload_bit(dir.path(), s);
  std::vector<std::uint64_t> seen;
  const auto report =
      verify(dir.path(), [&](const recovery_report::finding& f) { seen.push_back(f.sequences.first.value); });
  REQUIRE(report);
  CHECK((seen == std::vector<std::uint64_t>{2, 5}));
  CHECK(report->findings.size() == 2);
}

TEST_CASE("verify beside a living writer finds nothing, however far that has come", "[verify][G8]") {
  const temp_dir dir;
  stepwise_writer w{dir.path(), {append_large, append_large}};
  CHECK(verify(dir.path())->kept == 0);
  w.go();
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(report->kept == 10);
  CHECK(rows_of(*report) == "");
  CHECK_FALSE(report->clean);
  w.go();
  CHECK(verify(dir.path())->kept == 20);
}

TEST_CASE("row S on files: verify beside a writer stops before an unfinished claim, and finds no fault",
          "[verify][G3][G8]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "ab");
  held_point held{"publish.before_stamp"};
  std::thread late{[&] { append_all(*l, "c"); }};
  held.wait_until_reached();
  append_large(*l);  // into other segments
  const auto report = verify(dir.path());
  held.release();
  late.join();
  REQUIRE(report);
  CHECK(rows_of(*report) == "");
  CHECK(report->kept == 2);
  CHECK(report->cut_records == 0);
  CHECK(report->cut_bytes == 0);
  CHECK(verify(dir.path())->kept == 13);
}

TEST_CASE("row T on files: verify beside a living writer finds an invalid frame, above the mark and below", "[verify][G5]") {
  const temp_dir dir;
  stepwise_writer w{dir.path(), {[](log& l) {
                      append_all(l, "abc");
                      must(l.sync().has_value());
                      append_all(l, "def");
                    }}};
  w.go();
  flip_payload_bit(dir.path(), 2);
  CHECK(rows_of(*verify(dir.path())) == "F");
  flip_payload_bit(dir.path(), 5);
  const auto report = verify(dir.path());
  CHECK(rows_of(*report) == "FT");
  CHECK(report->kept == 6);
}

}  // namespace varve::testing
