// SPDX-License-Identifier: MIT
//
// Every option: what is refused and by what name, what is fixed at creation, and what the others do.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

/// The name of the option that is refused; "" if the log opens.
std::string refused_option(const fs::path& dir, const log_options& options) {
  const auto l = log::open(dir, options);
  if (l) return {};
  CHECK(l.error().code() == errc::bad_option);
  return std::string{l.error().path()};
}

unsigned mode_of(const fs::path& p) {
  struct stat status{};
  REQUIRE(::lstat(p.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("every option with a value that cannot be is refused by its name, and makes nothing", "[options][G7]") {
  const temp_dir place;
  const auto dir = place.path() / "log";
  for (const std::uint64_t bytes : {1ULL, 65'535ULL, 65'537ULL, 100'000ULL, (4ULL << 30) + 65'536, ~0ULL})
    CHECK(refused_option(dir, {.segment_bytes = bytes}) == "segment_bytes");
  for (const int kind : {0, 6, 255}) CHECK(refused_option(dir, {.checksum = static_cast<checksum>(kind)}) == "checksum");
  for (const std::uint32_t bytes : {1U, 256U, 1000U, 1U << 21})
    CHECK(refused_option(dir, {.index_stride_bytes = bytes}) == "index_stride_bytes");
  CHECK(refused_option(dir, {.version_info = std::string(256, 'v')}) == "version_info");
  CHECK(refused_option(dir, {.recovery = static_cast<recovery_mode>(3)}) == "recovery");
  for (const std::uint32_t n : {0U, 65U, ~0U}) CHECK(refused_option(dir, {.prepared_segments = n}) == "prepared_segments");
  for (const std::uint32_t n : {65U, ~0U}) CHECK(refused_option(dir, {.recovery_threads = n}) == "recovery_threads");
  for (const std::uint32_t mode : {0U, 0400U, 0200U, 0066U, 01600U, 0100600U})
    CHECK(refused_option(dir, {.file_mode = mode}) == "file_mode");
  CHECK_FALSE(fs::exists(dir));
}

TEST_CASE("what is fixed at creation cannot be opened as something else", "[options][G7]") {
  const temp_dir place;
  const auto dir = place.path() / "log";
  {
    REQUIRE(log::open(dir, {.segment_bytes = 128 * 1024, .checksum = checksum::crc32c}).has_value());
  }
  const auto before = image_of(dir);
  CHECK(refused_option(dir, {.segment_bytes = 64 * 1024}) == "segment_bytes");
  CHECK(refused_option(dir, {.checksum = checksum::xxh3}) == "checksum");
  CHECK(refused_option(dir, {.index_stride_bytes = 512}) == "index_stride_bytes");
  CHECK(refused_option(dir, {.record_times = true}) == "record_times");
  CHECK((image_of(dir) == before));
  CHECK(refused_option(dir, {.segment_bytes = 128 * 1024, .checksum = checksum::crc32c}) == "");
  CHECK(refused_option(dir, {.record_times = false}) == "");
  CHECK(refused_option(dir, {}) == "");
}

TEST_CASE("every kind of checksum protects what it says, and is kept", "[options][G5]") {
  const auto kind = GENERATE(checksum::xxh3, checksum::crc32c, checksum::crc32, checksum::crc64, checksum::none);
  CAPTURE(static_cast<int>(kind));
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024, .checksum = kind});
    REQUIRE(l);
    append_all(*l, "abc");
    REQUIRE(l->append(std::string(10'000, 'x')).has_value());
  }
  flip_payload_bit(dir.path(), 2);
  auto l = log::open(dir.path());
  REQUIRE(l);
  if (kind == checksum::none) {
    CHECK(l->read({2})->text() == "c");  // payloads unprotected
  } else {
    CHECK(l->read({2}).error().code() == errc::damaged);
  }
  CHECK(l->read({4})->text() == std::string(10'000, 'x'));
}

TEST_CASE("files get the mode that was asked for, whatever the umask, and the directory an x for each r", "[options]") {
  const std::uint32_t mode = GENERATE(0600U, 0640U, 0644U, 0666U);
  CAPTURE(mode);
  const temp_dir place;
  const auto dir = place.path() / "log";
  const mode_t old = ::umask(GENERATE(0U, 022U, 0777U));
  auto l = log::open(dir, {.segment_bytes = 64 * 1024, .file_mode = mode});
  for (int i = 0; l && i < 9; ++i) REQUIRE(l->append(std::string(30'000, 'x')).has_value());
  ::umask(old);
  REQUIRE(l);
  CHECK(mode_of(dir) == (mode | 0100 | (mode & 0444) >> 2));
  REQUIRE(l->close().has_value());
  for (const auto& entry : fs::directory_iterator{dir}) {
    CAPTURE(entry.path());
    CHECK(mode_of(entry.path()) == mode);
  }
}

TEST_CASE("version_info is copied, and stands in every segment begun by that open", "[options]") {
  const temp_dir dir;
  std::string info(255, 'v');
  {
    auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024, .version_info = info});
    REQUIRE(l);
    info.assign(255, '?');
    for (int i = 0; i < 9; ++i) REQUIRE(l->append(std::string(30'000, 'x')).has_value());
  }
  for (const auto number : segment_numbers(dir.path()))
    CHECK(read_sector<format::identity>(segment_path(dir.path(), number), 0).info() == std::string(255, 'v'));
}

TEST_CASE("prepared_segments says how many files wait ahead, and none is left behind at close", "[options]") {
  const std::uint32_t ahead = GENERATE(1U, 5U);
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024, .prepared_segments = ahead});
  REQUIRE(l);
  for (int tries = 0; tries < 30000 && l->stats().prepared < ahead; ++tries) ::usleep(1000);
  CHECK(l->stats().prepared == ahead);
  CHECK(segment_numbers(dir.path()).size() == 1 + ahead);
  append_all(*l, "a");
  REQUIRE(l->close().has_value());
  CHECK(segment_numbers(dir.path()).size() == 1);
}

TEST_CASE("a policy given at open holds for every append that brings none of its own", "[options][G2]") {
  const temp_dir dir;
  auto l = log::open(dir.path(), {.segment_bytes = 64 * 1024, .durability = immediate()});
  REQUIRE(l);
  append_all(*l, "ab");
  CHECK(l->durable_sequence().value == 2);
  REQUIRE(l->append("c", {.durability = none()}).has_value());
  CHECK(l->durable_sequence().value == 2);
  REQUIRE(l->append("d").has_value());
  CHECK(l->durable_sequence().value == 4);
}

}  // namespace varve::testing
