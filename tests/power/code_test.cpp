// SPDX-License-Identifier: MIT
//
// The codes that only a failing device or another file system brings about, and their sentences. The others stand in
// hostile/code_test.cpp.
#include <cerrno>

#include "hostile/code_table.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

using memory_os::call;

log small(const std::string& dir) {
  auto made = log::open(dir, {.segment_bytes = 64 * 1024});
  REQUIRE(made);
  return std::move(*made);
}

const code_row rows[] = {
    {errc::unsupported_file_system, "a network file system",
     [](const std::string& dir) {
       memory_os::set_file_system(os::file_system_kind::network);
       return error_of(log::open(dir));
     },
     "DIR: network and user-space file systems do not keep what a log needs; move the log to a local one."},
    {errc::no_space, "a full disk when a segment is full",
     [](const std::string& dir) {
       auto l = small(dir);
       memory_os::limit_disk(0);
       auto done = l.append(std::string(20'000, 'x'));
       while (done) done = l.append(std::string(20'000, 'x'));
       return error_of(done);
     },
     "DIR: there is no room for another segment; nothing that was appended is lost (No space left on device (errno 28)); "
     "make "
     "room, and append again."},
    {errc::sync_failed, "a device that refuses what it was given",
     [](const std::string& dir) {
       auto l = small(dir);
       REQUIRE(l.append("a"));
       REQUIRE(l.sync());
       REQUIRE(l.append("b"));
       memory_os::fail({.calls = call::sync_range, .number = EIO, .nth = 1, .name = ".seg"});
       return error_of(l.sync());
     },
     "DIR: records could not be made durable, and nothing after them is (segment 1, offset 4128, sequence 2, Input/output "
     "error (errno 5)); mend the device, then open the log anew."},
    {errc::io, "a call that fails",
     [](const std::string& dir) {
       static_cast<void>(small(dir));
       memory_os::fail({.number = EIO, .nth = 1, .for_ever = true});
       return error_of(log::open(dir));
     },
     "DIR: a system call failed (Input/output error (errno 5)); mend what it names, then try again."},
    {errc::out_of_memory, "a call for which the kernel has no memory",
     [](const std::string& dir) {
       static_cast<void>(small(dir));
       memory_os::fail({.number = ENOMEM, .nth = 1, .for_ever = true});
       return error_of(log::open(dir));
     },
     "DIR: there is not enough memory; the log is unchanged (Cannot allocate memory (errno 12)); free some, and try again."},
};

}  // namespace

TEST_CASE("each code that a device brings about, and its sentence", "[power][hostile][G2][G7]") {
  for (const auto& row : rows) {
    INFO(row.name);
    memory_os::reset();
    const error e = row.produce("log");
    memory_os::heal();
    CHECK(varve::name_of(e.code()) == varve::name_of(row.code));
    CHECK(e.message() == with(row.sentence, "DIR", "log"));
  }
  memory_os::reset();
}

TEST_CASE("every code has a row: here, or beside the files", "[power][hostile][G7]") {
  check_that_all_are_there(rows, produced_on::failing_device);
}

}  // namespace varve::testing
