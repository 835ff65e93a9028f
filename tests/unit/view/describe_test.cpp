// SPDX-License-Identifier: MIT
//
// What describe() says of a log: beside a writer that appends, stalls or recovers, and after its end.
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include <varve/log_view.hpp>
#include <varve/varve.hpp>

#include "format/live.hpp"
#include "format/state.hpp"
#include "os/file.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/stepwise_writer.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

using activity = log_description::activity;
using ending = log_description::ending;

const log_options small{.segment_bytes = 64 * 1024};

log_description described(const std::filesystem::path& dir) {
  const auto v = log_view::open(dir);
  REQUIRE(v);
  const auto d = v->describe();
  REQUIRE(d);
  return *d;
}

/// A record of 20,000 bytes takes so much of a segment.
constexpr std::uint64_t large_extent = 20'024;
void append_large(log& l, int count) {
  for (int i = 0; i < count; ++i) must(l.append(std::string(20'000, 'x')).has_value());
}

}  // namespace

TEST_CASE("describe tells a new log without records", "[view][stats]") {
  const temp_dir dir;
  {
    REQUIRE(log::open(dir.path(), {.segment_bytes = 128 * 1024, .checksum = checksum::crc64, .index_stride_bytes = 1024})
                ->close()
                .has_value());
  }
  const auto d = described(dir.path());
  CHECK(d.at.first.value == 1);
  CHECK(d.at.durable.value == 0);
  CHECK(d.at.published.value == 0);
  CHECK(d.epoch == 1);
  CHECK(d.segment_bytes == 128 * 1024);
  CHECK(d.checksum == checksum::crc64);
  CHECK(d.index_stride_bytes == 1024);
  CHECK(d.writer == activity::nobody);
  CHECK(d.process == 0);
  CHECK_FALSE(d.oldest_unfinished.has_value());
  CHECK(d.last_open.found == ending::closed);
  REQUIRE(d.next_open.has_value());
  CHECK(d.next_open->found == ending::closed);
  CHECK(d.next_open->kept == 0);
  CHECK_FALSE(d.refuses);
}

TEST_CASE("describe counts segments and bytes, and names the writer beside it", "[view][stats][G8]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_large(*l, 7);
  REQUIRE(l->sync().has_value());
  const auto before = image_of(dir.path());
  const auto d = described(dir.path());
  CHECK(d.at.published.value == 7);
  CHECK(d.at.durable.value == 7);
  CHECK(d.writer == activity::appending);
  CHECK(d.process == static_cast<std::uint64_t>(::getpid()));
  CHECK(d.active == 1);
  CHECK(d.ended + d.sealed == 2);
  CHECK(d.damaged == 0);
  CHECK(d.bytes_used == 3 * 4096 + 7 * large_extent);
  CHECK(d.bytes_allocated + 65'536 >= (3 + d.prepared) * 65'536);  // one may be in the making, without its blocks
  CHECK_FALSE(d.oldest_unfinished.has_value());
  CHECK_FALSE(d.next_open.has_value());
  // Sealing and preparing go on by themselves, but nothing of the log's own words changes.
  CHECK((image_of(dir.path()).at(format::state_name) == before.at(format::state_name)));
}

TEST_CASE("describe names the oldest unfinished claim, and counts what is finished behind it", "[view][stats][G3][G8]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), small);
  REQUIRE(l);
  append_all(*l, "ab");
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  CHECK_FALSE(v->describe()->oldest_unfinished.has_value());
  held_point held{"publish.before_stamp"};
  std::thread late{[&] { append_all(*l, "c"); }};
  held.wait_until_reached();
  // Nothing is finished behind it: it cannot be told from space that nobody has claimed.
  CHECK_FALSE(v->describe()->oldest_unfinished.has_value());
  append_all(*l, "de");
  std::uint64_t behind = 2;
  for (const int more : {0, 1, 6}) {  // in the same segment, and over several rolls
    append_large(*l, more);
    behind += static_cast<std::uint64_t>(more);
    const auto d = v->describe();
    REQUIRE(d);
    REQUIRE(d->oldest_unfinished.has_value());
    CHECK(d->oldest_unfinished->sequence.value == 3);
    CHECK(d->oldest_unfinished->segment == segment_numbers(dir.path()).front());
    CHECK(d->oldest_unfinished->offset == 4096 + 2 * 32);
    CHECK(d->at.published.value == 2);
    CHECK(d->oldest_unfinished->finished_behind == behind);
  }
  held.release();
  late.join();
  const auto d = v->describe();
  CHECK_FALSE(d->oldest_unfinished.has_value());
  CHECK(d->at.published.value == 12);
}

TEST_CASE("of two unfinished claims describe names the older, and counts behind both", "[view][stats][G3]") {
  const temp_dir dir;
  stepwise_writer w{dir.path(), {[](log& l) {
                      append_all(l, "a");
                      auto* const held = new held_point{"publish.before_stamp"};  // until the process dies
                      static_cast<void>(new std::thread{[&l] { static_cast<void>(l.append("?")); }});
                      held->wait_until_reached();
                      append_all(l, "cdefg");
                    }}};
  w.go();
  clear_stamp(dir.path(), 4);  // as if another thread had stalled there
  const auto d = described(dir.path());
  REQUIRE(d.oldest_unfinished.has_value());
  CHECK(d.oldest_unfinished->sequence.value == 2);
  CHECK(d.oldest_unfinished->finished_behind == 4);
  CHECK(d.writer == activity::appending);
  CHECK(d.process != 0);
  w.kill();
  const auto after = described(dir.path());
  CHECK(after.writer == activity::nobody);
  CHECK(after.process == d.process);
  CHECK_FALSE(after.oldest_unfinished.has_value());
  REQUIRE(after.next_open.has_value());
  CHECK(after.next_open->found == ending::death);
  CHECK(after.next_open->kept == 7);
  CHECK(after.next_open->stepped_over == 2);
  const auto l = log::open(dir.path());
  REQUIRE(l);
  const auto reopened = described(dir.path());
  CHECK(reopened.last_open.found == ending::death);
  CHECK(reopened.last_open.kept == 7);
  CHECK(reopened.last_open.stepped_over == 2);
  CHECK(reopened.epoch == 2);
}

TEST_CASE("describe says what a power loss has cost, before the log is opened and afterwards", "[view][stats][G8]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdefgh", 2);
  clear_stamp(dir.path(), 5);
  make_power_loss(dir.path());
  const auto before = image_of(dir.path());
  const auto d = described(dir.path());
  CHECK((image_of(dir.path()) == before));
  REQUIRE(d.next_open.has_value());
  CHECK(d.next_open->found == ending::power_loss);
  CHECK(d.next_open->kept == 4);
  CHECK(d.next_open->cut_records == 4);
  CHECK(d.next_open->cut_bytes == 4 * 32);
  CHECK(d.at.published.value == 4);
  CHECK_FALSE(d.refuses);
  REQUIRE(log::open(dir.path())->close().has_value());
  const auto after = described(dir.path());
  CHECK(after.last_open.found == ending::power_loss);
  CHECK(after.last_open.kept == 4);
  CHECK(after.last_open.cut_records == 4);
  CHECK(after.next_open->found == ending::closed);
}

TEST_CASE("describe says that damage keeps the log from opening", "[view][stats][G5]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 6);
  CHECK_FALSE(described(dir.path()).refuses);
  flip_payload_bit(dir.path(), 3);
  const auto d = described(dir.path());
  CHECK(d.refuses);
  CHECK(d.at.durable.value == 6);
  CHECK(log::open(dir.path()).error().code() == errc::damaged);
}

TEST_CASE("describe beside a writer that is still recovering says so", "[view][stats][G8]") {
  const temp_dir dir;
  die_after(dir.path(), "abcdef", 2, small);
  clear_stamp(dir.path(), 4);
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  CHECK(v->describe()->writer == activity::nobody);
  child_process recovering{[&] {
    sleep_at("repair.before_sync");
    return log::open(dir.path()) ? 0 : 1;
  }};
  const auto directory = os::open_directory(dir.path());
  for (bool has_owner = false; !has_owner;) {
    const auto live = os::open_file(*directory, format::live_name, os::access::read);
    has_owner = *os::is_locked_for_life(*live);
  }
  const auto d = v->describe();
  REQUIRE(d);
  CHECK(d->writer == activity::recovering);
  CHECK(d->process == 0);
  CHECK_FALSE(d->next_open.has_value());
  CHECK(d->at.published.value == 6);
  recovering.end();
  CHECK(v->describe()->writer == activity::nobody);
}

TEST_CASE("a state that an older version wrote says nothing of how the last open found the log", "[view][stats]") {
  const temp_dir dir;
  REQUIRE(log::open(dir.path(), small)->close().has_value());
  for (const std::uint64_t slot : state_copies) {
    auto s = read_sector<format::state>(dir.path() / format::state_name, slot);
    s.report_ending = slot == 0 ? 0 : 1U << 16;
    write_sector(dir.path() / format::state_name, slot, s);
  }
  CHECK(described(dir.path()).last_open.found == ending::unknown);
}

}  // namespace varve::testing
