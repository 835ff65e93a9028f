// SPDX-License-Identifier: MIT
//
// Files that somebody has made sparse: a store to a page without a block raises SIGBUS on a full disk, so blocks are had
// first, or nothing is stored.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "hostile/spoiled_directory.hpp"

namespace varve::testing {
namespace {

using namespace std::chrono_literals;

void dig(const fs::path& file, off_t from, off_t bytes) {
  const int opened = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(opened != -1);
  REQUIRE(::fallocate(opened, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, bytes) == 0);
  ::close(opened);
}

std::uint64_t allocated(const fs::path& file) {
  struct stat status{};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

/// Reading a hole may allocate a page, of a file system in memory. So what matters is where data stand.
bool has_data_behind(const fs::path& file, off_t offset) {
  const int opened = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(opened != -1);
  const off_t data = ::lseek(opened, offset, SEEK_DATA);
  ::close(opened);
  return data != -1;
}

}  // namespace

TEST_CASE("holes in the segment in which a closed log goes on are filled before it is stored to", "[hostile][G7]") {
  const fast_dir place;
  const auto dir = place.path() / "log";
  // Larger than what is brought into memory ahead of the appends, which would allocate it as well.
  constexpr std::uint64_t bytes = std::uint64_t{16} << 20;
  die_with(dir, {.segment_bytes = bytes, .prepared_segments = 1}, [](log& l) {
    must(l.append("a").has_value());
    must(l.close().has_value());
  });
  const auto file = segment_path(dir, 1);
  dig(file, bytes / 4 * 3, bytes / 8);
  REQUIRE(allocated(file) < bytes);
  auto l = log::open(dir, {.prepared_segments = 1});
  REQUIRE(l);
  CHECK(allocated(file) >= bytes);
  CHECK(l->read({1})->text() == "a");
  CHECK(l->append(std::string(40'000, 'b'))->value == 2);
}

TEST_CASE("who waits beside a varve.live with holes stores nothing to it", "[hostile][G7][G8]") {
  const nine_records log;
  const auto live = log.dir / format::live_name;
  dig(live, 0, 196'608);
  REQUIRE_FALSE(has_data_behind(live, format::wake_page_offset));
  const auto v = log_view::open(log.dir);
  REQUIRE(v);
  auto r = v->reader({10});
  REQUIRE(r);
  CHECK(r->wait(std::chrono::steady_clock::now() + 5ms) == false);
  CHECK_FALSE(has_data_behind(live, format::wake_page_offset));
  // A writer fills them, and then the wait ends as ever.
  auto l = log::open(log.dir);
  REQUIRE(l);
  CHECK(allocated(live) >= 196'608);
  REQUIRE(l->append("ten").has_value());
  CHECK(r->wait(std::chrono::steady_clock::now() + 10s) == true);
}

}  // namespace varve::testing
