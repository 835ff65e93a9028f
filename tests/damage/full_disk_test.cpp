// SPDX-License-Identifier: MIT
//
// A file system without room, a real one of 64 MiB: appends that need a segment answer no_space, everything else goes on,
// and so do they when there is room.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t segment_bytes = 1 << 20;
const log_options options{.segment_bytes = segment_bytes};
const recovery_mode strict = recovery_mode::strict;

enum class kind : std::uint8_t { ext4, tmpfs };

/// 64 MiB. Mounted where only this process sees it, so it goes with the process at the latest.
class small_disk {
 public:
  explicit small_disk(kind k) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    fs::create_directory(path());
    if (k == kind::tmpfs) {
      mounted_ = ::mount("none", path().c_str(), "tmpfs", 0, "size=64m") == 0;
      return;
    }
    const auto image = (place_.path() / "image").string();
    const std::string make = "{ truncate -s 64M " + image + " && mkfs.ext4 -q -F " + image + " && mount -o loop " + image +
                             ' ' + path().string() + "; } > /dev/null 2>&1";
    mounted_ = std::system(make.c_str()) == 0;
  }
  ~small_disk() {
    if (mounted_) ::umount2(path().c_str(), MNT_DETACH);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  [[nodiscard]] bool is_there() const {
    if (!mounted_) std::puts("skipped: no file system can be mounted here");
    return mounted_;
  }
  [[nodiscard]] fs::path path() const { return place_.path() / "disk"; }
  [[nodiscard]] fs::path ballast() const { return path() / "ballast"; }

  /// Takes all the room there is, but for `left` bytes.
  void fill(std::uint64_t left = 0) const {
    const int file = ::open(ballast().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(file != -1);
    off_t size = ::lseek(file, 0, SEEK_END);
    for (off_t step = 1 << 20; step >= 4096;) {
      ::posix_fallocate(file, size, step) == 0 ? void(size += step) : void(step /= 2);
    }
    if (left > 0) REQUIRE(::ftruncate(file, size - static_cast<off_t>(left)) == 0);
    ::close(file);
  }
  void make_room() const { fs::remove(ballast()); }

 private:
  temp_dir place_;
  bool mounted_ = false;
};

const std::string payload(100'000, 'p');

/// Appends until there is no space; returns how many were appended.
std::uint64_t append_until_full(log& l) {
  for (std::uint64_t n = 0;; ++n) {
    const auto s = l.append(payload);
    if (s) continue;
    INFO(s.error().message());
    REQUIRE(s.error().code() == errc::no_space);
    REQUIRE(s.error().os_errno() == ENOSPC);
    return n;
  }
}

void check_all(const log& l, std::uint64_t count) {
  std::uint64_t seen = 0;
  for (const auto& r : l.records()) {
    REQUIRE(r);
    REQUIRE(r->sequence().value == ++seen);
    REQUIRE(r->text().size() == payload.size());
  }
  CHECK(seen == count);
}

}  // namespace

TEST_CASE("a full disk: no_space, nothing lost, and appends go on when there is room",
          "[damage][full][serial][G1][G2][G7]") {
  const small_disk disk{GENERATE(kind::ext4, kind::tmpfs)};
  if (!disk.is_there()) return;
  const auto dir = disk.path() / "log";
  disk.fill(std::uint64_t{50} << 20);  // the rest is what can be deleted later
  std::optional<log> l{*log::open(dir, options)};
  std::uint64_t count = append_until_full(*l);
  CHECK(count > 300);
  CHECK_FALSE(l->failure());
  for (int tries = 0; tries < 5; ++tries) CHECK(l->append(payload).error().code() == errc::no_space);
  check_all(*l, count);
  CHECK(l->sync()->value == count);  // its blocks were taken before the first byte was stored
  CHECK(log_view::open(dir)->published_sequence().value == count);

  // A record that needs no new segment is none the worse for it: the one that is full stays full, though.
  CHECK(l->append("small").error().code() == errc::no_space);

  SECTION("it is closed and opened while the disk is full") {
    disk.fill();
    REQUIRE(l->close().has_value());
    l.emplace(*log::open(dir, {.recovery = strict}));
    check_all(*l, count);
    CHECK(l->append(payload).error().code() == errc::no_space);
  }
  SECTION("it is killed and opened while the disk is full") {
    REQUIRE(l->close().has_value());
    disk.fill();
    die_with(dir, {.recovery = strict}, [&](log& other) {
      must(other.append(payload).error().code() == errc::no_space);
      must(other.read({count})->text() == payload);
    });
    l.emplace(*log::open(dir, {.recovery = strict}));  // no segment can be had: it opens all the same
    check_all(*l, count);
    CHECK(l->append(payload).error().code() == errc::no_space);
    CHECK(l->append("").error().code() == errc::no_space);
    CHECK(l->sync()->value == count);
    REQUIRE(l->close().has_value());
    l.emplace(*log::open(dir, {.recovery = strict}));
    check_all(*l, count);
    // Room for a few segments.
    fs::resize_file(disk.ballast(), fs::file_size(disk.ballast()) / 2);
    CHECK(l->append(payload)->value == count + 1);
    check_all(*l, ++count);
  }
  REQUIRE(l->close().has_value());
  l.reset();
  auto again = log::open(dir, {.recovery = strict});
  REQUIRE(again);
  CHECK(again->recovery().clean);
  check_all(*again, count);
}

TEST_CASE("when room is made on a full disk the next append goes on by itself", "[damage][full][serial][G7]") {
  const small_disk disk{GENERATE(kind::ext4, kind::tmpfs)};
  if (!disk.is_there()) return;
  const auto dir = disk.path() / "log";
  auto l = log::open(dir, options);
  REQUIRE(l);
  disk.fill(std::uint64_t{5} << 20);
  std::uint64_t count = append_until_full(*l);
  for (int round = 0; round < 3; ++round) {
    // A little room each time, as if somebody deleted a file.
    fs::resize_file(disk.ballast(), fs::file_size(disk.ballast()) - (std::uint64_t{6} << 20));
    const std::uint64_t more = append_until_full(*l);
    CHECK(more >= 20);
    count += more;
  }
  check_all(*l, count);
  REQUIRE(l->close().has_value());
  auto again = log::open(dir, {.recovery = strict});
  REQUIRE(again);
  check_all(*again, count);
}

TEST_CASE("all that wait for a segment that cannot be had get no_space, and go on together",
          "[damage][full][serial][G1][G7]") {
  const small_disk disk{kind::tmpfs};
  if (!disk.is_there()) return;
  const auto dir = disk.path() / "log";
  auto l = log::open(dir, options);
  REQUIRE(l);
  disk.fill(std::uint64_t{8} << 20);
  std::atomic<std::uint64_t> appended{0}, refused{0}, wrong{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([&] {
      while (!stop) {
        const auto s = l->append(payload);
        s ? ++appended : s.error().code() == errc::no_space ? ++refused : ++wrong;
      }
    });
  const auto wait_for = [](auto condition) {
    for (int tries = 0; tries < 5000 && !condition(); ++tries) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    CHECK(condition());
  };
  wait_for([&] { return refused >= 40; });
  const std::uint64_t before = appended;
  disk.make_room();
  wait_for([&] { return appended >= before + 100; });
  stop = true;
  for (auto& w : writers) w.join();
  CHECK(wrong == 0);
  CHECK(l->published_sequence().value == appended);
  check_all(*l, appended);
  REQUIRE(l->close().has_value());
  CHECK(log::open(dir, {.recovery = strict})->published_sequence().value == appended);
}

TEST_CASE("a log that cannot be made for want of space is no log, and can be made later", "[damage][full][serial][G7]") {
  const small_disk disk{GENERATE(kind::ext4, kind::tmpfs)};
  if (!disk.is_there()) return;
  fs::create_directory(disk.path() / "log");
  disk.fill();
  const auto l = log::open(disk.path() / "log", options);
  if (!l) CHECK(l.error().code() == errc::no_space);
  if (l) CHECK((*log::open(disk.path() / "log")).append("").error().code() == errc::no_space);
  disk.make_room();
  auto again = log::open(disk.path() / "log", options);
  if (!l) {
    REQUIRE(again);
    CHECK(again->append("a")->value == 1);
  }
}

}  // namespace varve::testing
