// SPDX-License-Identifier: MIT
//
// Every code that an error can have, and its sentence: those that files, options and threads bring about. The others need a
// device that fails, and stand in power/code_test.cpp.
#include <unistd.h>

#include <thread>

#include "base/error.hpp"
#include "format/meta.hpp"
#include "hostile/code_table.hpp"
#include "hostile/spoiled_log.hpp"
#include "support/child_process.hpp"

namespace varve::testing {
namespace {

log small(const std::string& dir) {
  auto made = log::open(dir, {.segment_bytes = format::segment_bytes_min});
  REQUIRE(made);
  return std::move(*made);
}

error of_archive(const std::string& dir) {
  static_cast<void>(small(dir));
  const std::string file = dir + "/varve.meta";
  auto meta = read_sector<format::meta>(file, 0);
  meta.kind = format::directory_kind::archive;
  for (const std::uint64_t copy : format::meta_copy_offset) write_sector(file, copy, meta);
  return error_of(log::open(dir));
}

error of_newer_meta(const std::string& dir) {
  static_cast<void>(small(dir));
  put_in_sector(fs::path{dir} / format::meta_name, 0, 8, 3, 4);
  return error_of(log::open(dir));
}

/// The second of three frames does not validate.
void spoil_second(const std::string& dir, std::size_t synced) {
  die_after(dir, "abc", synced);
  make_power_loss(dir);
  flip_payload_bit(dir, 2);
}

error of_abandoned(const std::string& dir) {
  auto l = small(dir);
  l.claim(8)->abandon();
  return error_of(l.read({1}));
}

error of_truncated(const std::string& dir) {
  auto l = small(dir);
  for (int i = 0; i < 3; ++i) static_cast<void>(l.append("x"));
  auto r = l.reader({3});
  static_cast<void>(l.truncate_after({1}));
  return error_of(r->next());
}

error of_own_claim(const std::string& dir) {
  auto l = small(dir);
  const auto held = l.claim(8);
  return error_of(l.sync());
}

/// Another thread holds a claim.
error of_deadline(const std::string& dir) {
  auto l = small(dir);
  auto held = std::make_optional(l.claim(8));
  std::optional<result<void>> done;
  std::thread{[&] { done = l.sync({1}, std::chrono::steady_clock::now()); }}.join();
  held.reset();
  return error_of(*done);
}

error of_claimed(const std::string& dir) {
  auto l = small(dir);
  const auto held = l.claim(8);
  return error_of(l.read({1}));
}

/// The child hands over what it was told.
error of_child(const std::string& dir) {
  const auto l = small(dir);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  child_process child{[&] {
    const auto r = const_cast<log&>(l).append("a");
    if (r) return 1;
    const error e = r.error();  // trivially copyable, and its path is interned at the same place
    return ::write(ends[1], &e, sizeof e) == sizeof e ? 0 : 2;
  }};
  child.wait();
  REQUIRE(child.exited_with(0));
  error e = core::error_access::make({.code = errc::bug});
  REQUIRE(::read(ends[0], static_cast<void*>(&e), sizeof e) == sizeof e);
  ::close(ends[0]);
  ::close(ends[1]);
  return e;
}

const code_row rows[] = {
    {errc::locked, "a second open",
     [](const std::string& dir) {
       const auto l = small(dir);
       return error_of(log::open(dir));
     },
     "DIR: another writer has the log (process PID); wait until it ends, or read through a view."},
    {errc::not_found, "nothing is there, and nothing is to be made",
     [](const std::string& dir) { return error_of(log::open(dir, {.create = false})); },
     "DIR: there is no log, or no directory to make one in; check the path."},
    {errc::not_a_log, "a file in the place of the directory",
     [](const std::string& dir) {
       write_new_file(dir, "mine");
       return error_of(log::open(dir));
     },
     "DIR: this is no log, and was not touched (Not a directory (errno 20)); check the path; a new log needs an empty or a "
     "new directory."},
    {errc::is_archive, "a directory that is marked as an archive", of_archive,
     "DIR: this is an archive, which only its archiver writes; it was not touched; make a log of it with varve expand, and "
     "write to that."},
    {errc::newer_format, "varve.meta of version 3", of_newer_meta,
     "DIR: this was made by a newer version of varve, and was not touched; open it with that version."},
    {errc::older_format, "varve.meta of version 1",
     [](const std::string& dir) {
       static_cast<void>(small(dir));
       for (const std::uint64_t copy : meta_copies) put_in_sector(fs::path{dir} / format::meta_name, copy, 8, 1, 4);
       return error_of(log::open(dir));
     },
     "DIR: this was made by version 0.1 of varve, and was not touched; make a log of this version of it, with varve "
     "upgrade."},
    {errc::incomplete, "a closed log without its last segment",
     [](const std::string& dir) {
       {
         auto l = small(dir);
         for (int i = 0; i < 4; ++i) REQUIRE(l.append(std::string(20'000, 'x')));
       }
       fs::remove(segment_path(dir, 2));
       return error_of(log::open(dir));
     },
     "DIR: what had been durable is missing here, and nothing was changed (segment 2, sequence 4); bring what is missing; "
     "varve recover "
     "--accept-loss goes on without records, and varve salvage without files."},
    {errc::bad_option, "segments of a byte",
     [](const std::string& dir) { return error_of(log::open(dir, {.segment_bytes = 1})); },
     "segment_bytes: this option has a value that cannot be used; correct it."},
    {errc::would_cut, "strict recovery of a torn end",
     [](const std::string& dir) {
       spoil_second(dir, 1);
       return error_of(log::open(dir, {.recovery = recovery_mode::strict}));
     },
     "DIR: the log has a torn end, which strict recovery does not cut; nothing was changed (segment 1, offset 4128, "
     "sequence "
     "2); look at it with verify, then open it with prefix recovery."},
    {errc::too_large, "a record of one byte more than any segment holds",
     [](const std::string& dir) {
       auto l = small(dir);
       return error_of(l.append(std::string_view{"never read", l.record_bytes_max() + 1}));
     },
     "DIR: this is more than a segment, or its claim, can take; nothing was appended (at most this many bytes: 4294963176); "
     "append less at once."},
    {errc::not_yet, "claimed, and not published", of_claimed,
     "DIR: this sequence is not published yet (sequence 1); ask again later."},
    {errc::past_end, "never claimed", [](const std::string& dir) { return error_of(small(dir).read({7})); },
     "DIR: no append has taken this sequence (sequence 7); ask for one up to the published mark."},
    {errc::trimmed, "the sequence 0, which no record has",
     [](const std::string& dir) { return error_of(small(dir).read({})); },
     "DIR: this sequence is older than what the log keeps; go on at its first sequence."},
    {errc::truncated, "a reader of what was taken back", of_truncated,
     "DIR: the log was truncated before this sequence (sequence 3); go on at the sequence that comes next."},
    {errc::abandoned, "a claim that was given up", of_abandoned,
     "DIR: the claim of this sequence was given up, or its writer died (sequence 1); go on behind it."},
    {errc::damaged, "a record that was durable and does not validate",
     [](const std::string& dir) {
       spoil_second(dir, 3);
       return error_of(log::open(dir));
     },
     "DIR: bytes that had been written fail validation (segment 1, offset 4128, sequence 2); verify the log, and restore it "
     "from a copy; varve salvage reads what is left."},
    {errc::would_block_itself, "sync by a thread that holds a claim", of_own_claim,
     "DIR: this thread holds an open claim that it would wait for (sequence 1); publish or abandon that claim first."},
    {errc::timed_out, "sync behind a claim that another thread holds", of_deadline,
     "DIR: the deadline passed first; wait again."},
    {errc::forked, "append in a forked child", of_child,
     "DIR: this process is a fork of the one that opened the log; open a view of its own."},
    {errc::closed, "append after close",
     [](const std::string& dir) {
       auto l = small(dir);
       REQUIRE(l.close());
       return error_of(l.append("a"));
     },
     "DIR: the log was closed; open it again."},
    {errc::cancelled, "an open whose replay is ended",
     [](const std::string& dir) {
       auto l = small(dir);
       REQUIRE(l.append("a"));
       REQUIRE(l.close());
       return error_of(log::open(dir, {.on_recovery = {.segment = {}, .record = [](const record&) { return false; }}}));
     },
     "DIR: a function that was given to the log answered no; ask it why."},
    // Nothing brings it about: it stands where no call can come by.
    {errc::bug, "made by hand", [](const std::string&) { return core::error_access::make({.code = errc::bug}); },
     "varve has a fault; please report this sentence."},
};

}  // namespace

TEST_CASE("each code that files bring about, and its sentence", "[hostile][G7]") {
  for (const auto& row : rows) {
    INFO(row.name);
    const fast_dir place;
    const std::string dir = place.path() / "log";
    const error e = row.produce(dir);
    CHECK(varve::name_of(e.code()) == varve::name_of(row.code));
    CHECK(e.message() == with(with(row.sentence, "DIR", dir), "PID", std::to_string(::getpid())));
  }
}

TEST_CASE("every code has a row: here, or beside the failing device", "[hostile][G7]") {
  check_that_all_are_there(rows, produced_on::files);
}

}  // namespace varve::testing
