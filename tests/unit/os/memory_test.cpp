// SPDX-License-Identifier: MIT
//
// memory_test.cpp - os/memory.hpp on a real file system.
#include "os/memory.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace os = varve::os;
using varve::testing::temp_dir;

namespace {

constexpr std::uint64_t page_bytes_max = 65536;  // of any machine that runs Linux
constexpr std::uint64_t file_bytes = 4 * page_bytes_max;

template <class T>
int errno_of(const os::result<T>& r) {
  return r ? 0 : r.error().number;
}

struct place {
  temp_dir dir;
  os::file directory = std::move(os::open_directory(dir.path()).value());
  os::file file = std::move(os::create_file(directory, "file", 0600).value());

  place() { REQUIRE(os::allocate(file, file_bytes)); }
  [[nodiscard]] os::mapping map(os::access mode = os::access::read_write) const {
    return std::move(os::map(file, file_bytes, mode).value());
  }
};

/// The signal that ends a child which runs `body`, or 0.
template <class Body>
int signal_ending(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int fault : {SIGSEGV, SIGBUS}) ::signal(fault, SIG_DFL);  // sanitizers have handlers of their own
    body();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("a store to a mapping is seen by reads and by other mappings of the file", "[os]") {
  const place p;
  const os::mapping one = p.map();
  const os::mapping other = p.map(os::access::read);
  REQUIRE(one.bytes().size() == file_bytes);
  one.bytes()[page_bytes_max] = std::byte{7};
  CHECK(other.bytes()[page_bytes_max] == std::byte{7});
  std::byte read{};
  REQUIRE(os::read_at(p.file, page_bytes_max, {&read, 1}).value() == 1);
  CHECK(read == std::byte{7});
}

TEST_CASE("more than the file holds is not mapped, nor is nothing", "[os][G7]") {
  const place p;
  CHECK(errno_of(os::map(p.file, file_bytes + 1, os::access::read)) == EINVAL);
  CHECK(errno_of(os::map(p.file, std::numeric_limits<std::uint64_t>::max(), os::access::read)) == EINVAL);
  CHECK(errno_of(os::map(p.file, 0, os::access::read)) == EINVAL);
}

TEST_CASE("a file opened for reading is not mapped for writing", "[os][G8]") {
  const place p;
  const os::file read_only = std::move(os::open_file(p.directory, "file", os::access::read).value());
  CHECK(errno_of(os::map(read_only, file_bytes, os::access::read_write)) == EACCES);
  CHECK(os::map(read_only, file_bytes, os::access::read).has_value());
}

TEST_CASE("a store to a mapping for reading is a fault", "[os][G8]") {
  const place p;
  const os::mapping m = p.map(os::access::read);
  const auto store = [&] { *const_cast<volatile std::byte*>(m.bytes().data()) = std::byte{1}; };
  CHECK(signal_ending(store) == SIGSEGV);
}

TEST_CASE("any range can be made durable: it is rounded to pages and cut at the end of the mapping", "[os]") {
  const place p;
  const os::mapping m = p.map();
  std::ranges::fill(m.bytes(), std::byte{3});
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  CHECK(os::sync_range(m, 0, file_bytes));
  CHECK(os::sync_range(m, 1, 1));
  CHECK(os::sync_range(m, page_bytes_max - 1, 2));
  CHECK(os::sync_range(m, file_bytes - 1, 1));
  CHECK(os::sync_range(m, 5, most));
  CHECK(os::sync_range(m, file_bytes, 1));
  CHECK(os::sync_range(m, most, most));
  CHECK(os::sync_range(m, 0, 0));
}

TEST_CASE("a mapping that does not end with a page can be made durable to its end", "[os]") {
  const place p;
  const os::mapping m = std::move(os::map(p.file, page_bytes_max + 100, os::access::read_write).value());
  m.bytes().back() = std::byte{9};
  CHECK(os::sync_range(m, page_bytes_max, 100));
  CHECK(os::populate_for_reading(m, page_bytes_max, 100));
}

TEST_CASE("pages come in ahead of their use without a change", "[os]") {
  const place p;
  const os::mapping m = p.map();
  m.bytes()[0] = std::byte{5};
  CHECK(os::populate_for_writing(m, 1, file_bytes));
  CHECK(os::populate_for_reading(m, 1, file_bytes));
  CHECK(m.bytes()[0] == std::byte{5});
  CHECK(std::ranges::all_of(m.bytes().subspan(1), [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("probing pages that would fault when loaded is an error, not a signal", "[os][G7]") {
  const place p;
  const os::mapping m = p.map();
  REQUIRE(::ftruncate(p.file.descriptor(), page_bytes_max) == 0);
  CHECK(os::populate_for_reading(m, 0, page_bytes_max));
  if (::madvise(m.bytes().data(), page_bytes_max, MADV_POPULATE_READ) == -1) {
    WARN("skipped: this kernel cannot probe pages (Linux before 5.14)");
    return;
  }
  CHECK(errno_of(os::populate_for_reading(m, 0, file_bytes)) == EFAULT);
  CHECK(errno_of(os::populate_for_reading(m, 5, std::numeric_limits<std::uint64_t>::max())) == EFAULT);
  CHECK(errno_of(os::populate_for_writing(m, 0, file_bytes)) == EFAULT);
  CHECK(signal_ending([&] { static_cast<void>(*const_cast<volatile std::byte*>(&m.bytes().back())); }) == SIGBUS);
}

TEST_CASE("mapped memory stays readable when its file is closed and removed", "[os]") {
  place p;
  const os::mapping m = p.map();
  m.bytes()[1] = std::byte{4};
  REQUIRE(os::remove(p.directory, "file"));
  p.file.close();
  CHECK(m.bytes()[1] == std::byte{4});
}

TEST_CASE("a mapping is undone once, by whoever holds it last", "[os]") {
  const place p;
  os::mapping one = p.map();
  std::byte* const start = one.bytes().data();
  os::mapping two = std::move(one);
  CHECK_FALSE(one.is_mapped());
  REQUIRE(two.bytes().data() == start);
  CHECK(signal_ending([&] {
          two.reset();
          *const_cast<volatile std::byte*>(start) = std::byte{1};
        }) == SIGSEGV);
  two.bytes()[0] = std::byte{1};
}

TEST_CASE("memory that is wiped on fork is zero in the child and unchanged in the parent", "[os][G7]") {
  const os::mapping page = std::move(os::map_wiped_on_fork().value());
  REQUIRE(page.bytes().size() >= 4096);
  CHECK(std::ranges::all_of(page.bytes(), [](std::byte b) { return b == std::byte{0}; }));
  page.bytes()[0] = std::byte{1};
  const pid_t child = ::fork();
  if (child == 0) ::_exit(page.bytes()[0] == std::byte{0} ? 0 : 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(page.bytes()[0] == std::byte{1});
}
