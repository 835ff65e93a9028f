// SPDX-License-Identifier: MIT
//
// memory_os_test.cpp - the machine in memory keeps the promises of support/memory_os.hpp. Every test of a crash rests on
// it: a double that is too kind hides what it was made to find.
#include "support/memory_os.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "os/file.hpp"
#include "os/memory.hpp"
#include "os/process.hpp"
#include "os/waiting.hpp"
#include "support/catch.hpp"

namespace os = varve::os;
namespace machine = varve::testing::memory_os;
using machine::call;
using machine::fate;

namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t sector = 512;
constexpr machine::power_loss_options all_lost{.bytes = fate::lost, .entries = fate::lost};
constexpr machine::power_loss_options all_kept{.bytes = fate::kept, .entries = fate::kept};

template <class T>
int errno_of(const os::result<T>& r) {
  return r ? 0 : r.error().number;
}

/// A fresh machine with an open directory "log".
struct fresh {
  os::file directory;
  fresh() {
    machine::reset();
    REQUIRE(os::make_directory("log", 0700));
    reopen();
  }
  void reopen() { directory = std::move(os::open_directory("log").value()); }
  /// With its size and name durable, and zeros in it.
  [[nodiscard]] os::file durable_file(const char* name, std::uint64_t bytes) const {
    os::file f = std::move(os::create_file(directory, name, 0600).value());
    REQUIRE(os::allocate(f, bytes));
    REQUIRE(os::sync_file(f));
    REQUIRE(os::sync_directory(directory));
    return f;
  }
  [[nodiscard]] os::file open(const char* name, os::access mode = os::access::read_write) const {
    return std::move(os::open_file(directory, name, mode).value());
  }
};

os::mapping map_all(const os::file& f) {
  return std::move(os::map(f, os::status_of(f).value().bytes, os::access::read_write).value());
}

std::vector<std::byte> filled(std::uint64_t bytes, int value) {
  return std::vector<std::byte>(bytes, static_cast<std::byte>(value));
}

void fill(std::span<std::byte> bytes, int value) { std::ranges::fill(bytes, static_cast<std::byte>(value)); }

bool all_are(std::span<const std::byte> bytes, int value) {
  return std::ranges::all_of(bytes, [&](std::byte b) { return b == static_cast<std::byte>(value); });
}

/// A copy, since most bytes asked about here are a temporary's.
std::vector<std::byte> part(const std::vector<std::byte>& of, std::uint64_t at, std::uint64_t bytes = std::dynamic_extent) {
  const auto found = std::span{of}.subspan(at, bytes);
  return {found.begin(), found.end()};
}

using names = std::vector<std::string>;

}  // namespace

// ---- The contract of the headers

TEST_CASE("memory: files behave as the real ones do", "[os]") {
  const fresh m;
  CHECK(errno_of(os::open_directory("absent")) == ENOENT);
  CHECK(errno_of(os::make_directory("log/", 0700)) == EEXIST);
  CHECK(errno_of(os::make_directory("absent/log", 0700)) == ENOENT);
  CHECK(errno_of(os::open_file(m.directory, "file", os::access::read)) == ENOENT);

  const os::file f = std::move(os::create_file(m.directory, "file", 0600).value());
  CHECK(errno_of(os::create_file(m.directory, "file", 0600)) == EEXIST);
  CHECK(errno_of(os::open_directory("log/file")) == ENOTDIR);
  REQUIRE(os::write_at(f, 5, filled(8, 1)));
  std::vector<std::byte> read(8);
  CHECK(os::read_at(f, 0, read).value() == 8);
  CHECK(os::read_at(f, 9, read).value() == 4);
  CHECK(os::read_at(f, 13, read).value() == 0);
  CHECK(os::status_of(f)->bytes == 13);
  CHECK(os::status_of(f)->links == 1);
  CHECK(errno_of(os::write_at(m.open("file", os::access::read), 0, read)) == EBADF);

  REQUIRE(os::make_directory("./log/inner/", 0700));
  CHECK(errno_of(os::open_file(m.directory, "inner", os::access::read)) == EINVAL);
  REQUIRE(os::rename(m.directory, "file", "other"));
  CHECK(os::list(m.directory).value() == names{"other"});
  REQUIRE(os::remove(m.directory, "other"));
  CHECK(os::list(m.directory)->empty());
  CHECK(errno_of(os::remove(m.directory, "other")) == ENOENT);
  CHECK(os::read_at(f, 5, read).value() == 8);  // removed, and still open
  CHECK(os::status_of(f)->links == 0);
}

TEST_CASE("memory: a descriptor that is closed is no descriptor", "[os]") {
  const fresh m;
  os::file f = m.durable_file("file", page);
  const int number = f.descriptor();
  f.close();
  os::file stale{number};
  CHECK(errno_of(os::sync_file(stale)) == EBADF);
}

TEST_CASE("memory: every mapping of a file is the same memory, which reads and writes see", "[os]") {
  const fresh m;
  const os::file f = m.durable_file("file", 2 * page);
  const os::mapping one = map_all(f);
  const os::mapping other = map_all(m.open("file"));
  CHECK(errno_of(os::map(f, 2 * page + 1, os::access::read)) == EINVAL);
  CHECK(errno_of(os::map(m.open("file", os::access::read), page, os::access::read_write)) == EACCES);
  one.bytes()[page] = std::byte{3};
  CHECK(other.bytes()[page] == std::byte{3});
  REQUIRE(os::write_at(f, 0, filled(1, 4)));
  CHECK(one.bytes()[0] == std::byte{4});
  CHECK(machine::contents("log/file")[page] == std::byte{3});
}

TEST_CASE("memory: mapped memory outlives its descriptor and its name", "[os]") {
  const fresh m;
  os::file f = m.durable_file("file", page);
  const os::mapping mapped = map_all(f);
  f.close();
  REQUIRE(os::remove(m.directory, "file"));
  fill(mapped.bytes(), 5);
  CHECK(all_are(mapped.bytes(), 5));
  CHECK(machine::disk_bytes_used() == page);
}

TEST_CASE("memory: a forked child stores to the same file", "[os]") {
  const fresh m;
  const os::mapping mapped = map_all(m.durable_file("file", page));
  const pid_t child = ::fork();
  if (child == 0) {
    mapped.bytes()[0] = std::byte{6};
    ::_exit(0);
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(mapped.bytes()[0] == std::byte{6});
}

TEST_CASE("memory: locks belong to one descriptor and end with it", "[os]") {
  const fresh m;
  os::file first = std::move(os::open_directory("log").value());
  CHECK(os::try_lock_directory(first).value());
  CHECK(os::try_lock_directory(first).value());
  CHECK_FALSE(os::try_lock_directory(m.directory).value());
  first.close();
  CHECK(os::try_lock_directory(m.directory).value());

  os::file holder = m.durable_file("file", page);
  const os::file asker = m.open("file", os::access::read);
  CHECK(errno_of(os::try_lock_for_life(asker)) == EBADF);
  CHECK(os::try_lock_for_life(holder).value());
  CHECK(os::is_locked_for_life(asker).value());
  CHECK_FALSE(os::is_locked_for_life(holder).value());
  CHECK_FALSE(os::try_lock_for_life(m.open("file")).value());
  CHECK(os::is_locked_for_life(asker).value());  // the rival's end changed nothing
  holder.close();
  CHECK_FALSE(os::is_locked_for_life(asker).value());
}

TEST_CASE("memory: random numbers come from a seed", "[os]") {
  const fresh m;
  std::vector<std::byte> one(16);
  std::vector<std::byte> two(16);
  std::vector<std::byte> again(16);
  machine::seed_random(7);
  REQUIRE(os::fill_random(one));
  REQUIRE(os::fill_random(two));
  machine::seed_random(7);
  REQUIRE(os::fill_random(again));
  CHECK(one == again);
  CHECK(one != two);
}

TEST_CASE("memory: sleepers are woken and deadlines kept", "[os]") {
  using namespace std::chrono_literals;
  std::atomic<std::uint32_t> word{0};
  os::wait_on(word, 1, os::deadline::max());
  os::wait_on(word, 0, std::chrono::steady_clock::now() + 1ms);
  std::jthread sleeper{[&] {
    while (word.load(std::memory_order_acquire) == 0) os::wait_on(word, 0, os::deadline::max());
  }};
  word.store(1, std::memory_order_release);
  os::wake_all(word);
}

// ---- Faults

TEST_CASE("memory: the n-th call fails, once", "[os]") {
  const fresh m;
  const os::file f = m.durable_file("file", page);
  machine::fail({.calls = call::sync_data, .number = EIO, .nth = 2});
  CHECK(os::sync_data(f));
  CHECK(os::sync_file(f));
  CHECK(errno_of(os::sync_data(f)) == EIO);
  CHECK(os::sync_data(f));
}

TEST_CASE("memory: a fault for ever ends when it is healed", "[os]") {
  const fresh m;
  machine::fail({.calls = {call::list, call::create_file}, .number = ENOSPC, .nth = 2, .for_ever = true});
  CHECK(os::list(m.directory));
  CHECK(errno_of(os::create_file(m.directory, "file", 0600)) == ENOSPC);
  CHECK(errno_of(os::list(m.directory)) == ENOSPC);
  CHECK_FALSE(machine::exists("log/file"));
  machine::heal();
  CHECK(os::list(m.directory));
}

TEST_CASE("memory: a fault keeps to the names it was given", "[os]") {
  const fresh m;
  const os::file one = m.durable_file("1.seg", page);
  const os::file other = m.durable_file("1.idx", page);
  const os::mapping mapped = map_all(one);
  machine::fail({.calls = machine::any_call, .for_ever = true, .name = ".seg"});
  CHECK(os::sync_file(other));
  CHECK(errno_of(os::sync_file(one)) == EIO);
  CHECK(errno_of(os::sync_range(mapped, 0, page)) == EIO);
  CHECK(errno_of(os::rename(m.directory, "1.idx", "2.seg")) == EIO);
  CHECK(os::rename(m.directory, "1.idx", "2.idx"));
}

TEST_CASE("memory: a write that fails has written its first half", "[os][G2]") {
  const fresh m;
  const os::file f = m.durable_file("file", page);
  machine::fail({.calls = call::write_at});
  CHECK(errno_of(os::write_at(f, 0, filled(100, 1))) == EIO);
  CHECK(all_are(part(machine::contents("log/file"), 0, 50), 1));
  CHECK(all_are(part(machine::contents("log/file"), 50), 0));
}

TEST_CASE("memory: after a failed sync a later one succeeds, and the pages are still not durable", "[os][G2]") {
  const fresh m;
  const os::file f = m.durable_file("file", 2 * page);
  const os::mapping mapped = map_all(f);
  fill(mapped.bytes(), 1);
  machine::fail({.calls = machine::sync_calls});
  if (const bool of_a_range = GENERATE(true, false); of_a_range) {
    CHECK(errno_of(os::sync_range(mapped, 0, page)) == EIO);
  } else {
    fill(mapped.bytes().subspan(page), 0);  // as it is on the disk: nothing there to lose
    CHECK(errno_of(os::sync_data(f)) == EIO);
    fill(mapped.bytes().subspan(page), 1);
  }
  CHECK(os::sync_range(mapped, 0, 2 * page));
  CHECK(os::sync_file(f));
  CHECK(all_are(part(machine::durable_contents("log/file"), 0, page), 0));
  CHECK(all_are(part(machine::durable_contents("log/file"), page), 1));

  SECTION("until they are changed") {
    mapped.bytes()[9] = std::byte{2};
    CHECK(os::sync_range(mapped, 0, page));
    CHECK(machine::durable_contents("log/file") == machine::contents("log/file"));
  }
  SECTION("until they are written, be it the same bytes") {
    REQUIRE(os::write_at(f, 0, filled(page, 1)));
    CHECK(os::sync_data(f));
    CHECK(machine::durable_contents("log/file") == machine::contents("log/file"));
  }
  SECTION("and a loss of power brings the old ones back") {
    machine::power_loss(1, all_lost);
    CHECK(all_are(part(machine::contents("log/file"), 0, page), 0));
    CHECK(all_are(part(machine::contents("log/file"), page), 1));
  }
}

TEST_CASE("memory: a full disk refuses what would take more, until something goes", "[os][G7]") {
  const fresh m;
  machine::limit_disk(3 * page);
  os::file two = m.durable_file("two", 2 * page);
  os::file other = std::move(os::create_file(m.directory, "other", 0600).value());
  CHECK(errno_of(os::allocate(other, 2 * page)) == ENOSPC);
  CHECK(os::status_of(other)->bytes == 0);
  REQUIRE(os::allocate(other, page));
  CHECK(errno_of(os::create_file(m.directory, "third", 0600)) == ENOSPC);
  CHECK(os::write_at(two, 0, filled(2 * page, 1)));  // within blocks that it has
  CHECK(errno_of(os::write_at(two, 2 * page, filled(1, 1))) == ENOSPC);

  SECTION("a file gives its space back with its name, once nobody has it open") {
    REQUIRE(os::remove(m.directory, "two"));
    CHECK(errno_of(os::write_at(other, page, filled(1, 1))) == ENOSPC);
    two.close();
    CHECK(os::write_at(other, page, filled(1, 1)));
    CHECK(machine::disk_bytes_used() == 2 * page);
  }
  SECTION("or the disk grows") {
    machine::limit_disk(4 * page);
    CHECK(os::write_at(two, 2 * page, filled(1, 1)));
  }
  SECTION("and a write that does not fit leaves what did") {
    machine::limit_disk(4 * page);
    CHECK(errno_of(os::write_at(two, page, filled(3 * page, 2))) == ENOSPC);
    CHECK(os::status_of(two)->bytes == 3 * page);
    CHECK(all_are(part(machine::contents("log/two"), page), 2));
  }
}

TEST_CASE("memory: calls are counted and recorded, failed ones too", "[os]") {
  const fresh m;
  const std::uint64_t before = machine::count();
  machine::record(true);
  const os::file f = m.durable_file("file", page);
  machine::fail({.calls = call::sync_range, .number = ENOSPC});
  const os::mapping mapped = map_all(f);
  static_cast<void>(os::sync_range(mapped, 8, 16));
  REQUIRE(os::rename(m.directory, "file", "other"));
  CHECK(machine::count() - before == 8);
  CHECK(machine::count(call::sync_range) == 1);
  CHECK(machine::events() == std::vector<machine::event>{
                                 {call::create_file, "file", 0, 0, 0},
                                 {call::allocate, "file", 0, page, 0},
                                 {call::sync_file, "file", 0, 0, 0},
                                 {call::sync_directory, "log", 0, 0, 0},
                                 {call::status_of, "file", 0, 0, 0},
                                 {call::map, "file", 0, page, 0},
                                 {call::sync_range, "file", 8, 16, ENOSPC},
                                 {call::rename, "file other", 0, 0, 0},
                             });
  CHECK(machine::name_of(call::fill_random) == "fill_random");
  CHECK(machine::name_of(call::sync_range) == "sync_range");
}

// ---- From outside

TEST_CASE("memory: files can be damaged, planted, linked and copied from outside", "[os]") {
  const fresh m;
  const os::file f = m.durable_file("file", page);
  const os::mapping mapped = map_all(f);
  machine::overwrite("log/file", 7, filled(1, 9));
  CHECK(mapped.bytes()[7] == std::byte{9});
  CHECK(machine::durable_contents("log/file")[7] == std::byte{9});
  CHECK_THROWS_AS(machine::overwrite("log/file", page, filled(1, 9)), std::out_of_range);
  CHECK_THROWS_AS(machine::contents("log/absent"), std::out_of_range);

  machine::put("log/planted", filled(10, 2));
  CHECK(machine::durable_names("log") == names{"file", "planted"});
  machine::add_link("log/file", "log/link");
  CHECK(os::status_of(f)->links == 2);

  machine::copy_directory("log", "copy");
  CHECK(machine::contents("copy/file") == machine::contents("log/file"));
  const os::file copies = std::move(os::open_directory("copy").value());
  const os::file copy = std::move(os::open_file(copies, "file", os::access::read).value());
  CHECK(os::status_of(copy)->inode != os::status_of(f)->inode);
  CHECK(os::status_of(copy)->birth_ns != os::status_of(f)->birth_ns);
}

// ---- Loss of power

TEST_CASE("memory: what was not synced can be lost, and what was is kept", "[os][G2]") {
  fresh m;
  const os::mapping mapped = map_all(m.durable_file("file", 4 * page));
  fill(mapped.bytes(), 1);
  REQUIRE(os::sync_range(mapped, page, 1));  // its whole page, and nothing else
  machine::power_loss(1, all_lost);
  const auto left = machine::contents("log/file");
  CHECK(all_are(std::span{left}.first(page), 0));
  CHECK(all_are(std::span{left}.subspan(page, page), 1));
  CHECK(all_are(std::span{left}.subspan(2 * page), 0));
}

TEST_CASE("memory: no seed loses what was synced", "[os][G2]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const fresh m;
    const os::mapping mapped = map_all(m.durable_file("file", 3 * page));
    fill(mapped.bytes(), 1);
    REQUIRE(os::sync_range(mapped, page, page));
    fill(mapped.bytes().first(page), 2);
    machine::power_loss(seed);
    REQUIRE(all_are(part(machine::contents("log/file"), page, page), 1));
  }
}

TEST_CASE("memory: unsynced sectors are old or new, never a mixture, and both are seen", "[os][G2]") {
  bool all_old = false;
  bool all_new = false;
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const fresh m;
    const os::mapping mapped = map_all(m.durable_file("file", page));
    fill(mapped.bytes(), 1);
    machine::power_loss(seed);
    const auto left = machine::contents("log/file");
    for (std::uint64_t at = 0; at < page; at += sector) {
      const auto one = std::span{left}.subspan(at, sector);
      REQUIRE((all_are(one, 0) || all_are(one, 1)));
    }
    if (all_are(left, 0)) {
      all_old = true;
    } else if (all_are(left, 1)) {
      all_new = true;
    } else {
      torn = true;
    }
  }
  CHECK(all_old);
  CHECK(all_new);
  CHECK(torn);
}

TEST_CASE("memory: words are torn only when asked for, and never within", "[os][G2]") {
  bool torn_within_a_sector = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const fresh m;
    const os::mapping mapped = map_all(m.durable_file("file", page));
    fill(mapped.bytes(), 1);
    machine::power_loss(seed, {.torn_words = true});
    const auto left = machine::contents("log/file");
    for (std::uint64_t at = 0; at < page; at += 8) {
      const auto word = std::span{left}.subspan(at, 8);
      REQUIRE((all_are(word, 0) || all_are(word, 1)));
    }
    const auto first = std::span{left}.first(sector);
    torn_within_a_sector = torn_within_a_sector || (!all_are(first, 0) && !all_are(first, 1));
  }
  CHECK(torn_within_a_sector);
}

TEST_CASE("memory: of several dirty pages every one can be the only new one, or the only old one", "[os][G2]") {
  std::set<std::vector<bool>> seen;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const fresh m;
    const os::mapping mapped = map_all(m.durable_file("file", 4 * page));
    fill(mapped.bytes(), 1);
    machine::power_loss(seed);
    const auto left = machine::contents("log/file");
    std::vector<bool> is_new;
    for (std::uint64_t p = 0; p < 4; ++p) is_new.push_back(all_are(std::span{left}.subspan(p * page, page), 1));
    seen.insert(is_new);
  }
  CHECK(seen.size() == 16);
}

TEST_CASE("memory: the same seed and machine leave the same bytes", "[os]") {
  const fresh m;
  const os::mapping mapped = map_all(m.durable_file("file", 8 * page));
  fill(mapped.bytes(), 1);
  const machine::image before = machine::snapshot();
  std::set<std::vector<std::byte>> different;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    machine::restore(before);
    machine::power_loss(seed);
    const auto first = machine::contents("log/file");
    machine::restore(before);
    machine::power_loss(seed);
    REQUIRE(machine::contents("log/file") == first);
    different.insert(first);
  }
  CHECK(different.size() > 10);
}

TEST_CASE("memory: a name is durable only once its directory is synced", "[os][G2]") {
  fresh m;
  const os::file f = std::move(os::create_file(m.directory, "file", 0600).value());
  REQUIRE(os::write_at(f, 0, filled(page, 1)));
  REQUIRE(os::sync_file(f));  // of the file: does nothing for its name
  CHECK(machine::durable_names("log").empty());

  SECTION("before, it can be lost") {
    machine::power_loss(1, all_lost);
    CHECK(machine::names("log").empty());
  }
  SECTION("or be found") {
    machine::power_loss(1, all_kept);
    CHECK(machine::contents("log/file") == filled(page, 1));
  }
  SECTION("after, it is there") {
    REQUIRE(os::sync_directory(m.directory));
    machine::power_loss(1, all_lost);
    CHECK(machine::contents("log/file") == filled(page, 1));
  }
}

TEST_CASE("memory: a size is durable only once the file is synced; syncing a range is not enough", "[os][G2]") {
  fresh m;
  const os::file f = std::move(os::create_file(m.directory, "file", 0600).value());
  REQUIRE(os::allocate(f, page));
  REQUIRE(os::sync_directory(m.directory));
  const os::mapping mapped = map_all(f);
  fill(mapped.bytes(), 1);
  REQUIRE(os::sync_range(mapped, 0, page));
  machine::power_loss(1, all_lost);
  CHECK(machine::contents("log/file").empty());
}

TEST_CASE("memory: pending renames and removals happen or do not, each seed its own subset", "[os][G2]") {
  std::set<names> outcomes;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const fresh m;
    static_cast<void>(m.durable_file("a", page));
    static_cast<void>(m.durable_file("b", page));
    REQUIRE(os::remove(m.directory, "b"));
    REQUIRE(os::rename(m.directory, "a", "c"));
    CHECK(machine::names("log") == names{"c"});
    machine::power_loss(seed);
    outcomes.insert(machine::names("log"));
  }
  CHECK(outcomes == std::set<names>{{"a", "b"}, {"a"}, {"b", "c"}, {"c"}});
}

TEST_CASE("memory: a rename over a file leaves the old one or the new one, never neither", "[os][G2]") {
  std::set<std::byte> found;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const fresh m;
    machine::put("log/state", filled(1, 1));
    const os::file next = std::move(os::create_file(m.directory, "state.new", 0600).value());
    REQUIRE(os::write_at(next, 0, filled(1, 2)));
    REQUIRE(os::sync_file(next));
    REQUIRE(os::rename(m.directory, "state.new", "state"));
    machine::power_loss(seed);
    REQUIRE(machine::exists("log/state"));
    found.insert(machine::contents("log/state").at(0));
  }
  CHECK(found == std::set{std::byte{1}, std::byte{2}});
}

TEST_CASE("memory: a rename whose creation was lost does not happen", "[os][G2]") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const fresh m;
    REQUIRE(os::create_file(m.directory, "new", 0600));
    REQUIRE(os::rename(m.directory, "new", "file"));
    machine::power_loss(seed);
    const names left = machine::names("log");
    REQUIRE((left.empty() || left == names{"new"} || left == names{"file"}));
  }
}

TEST_CASE("memory: after a loss of power what is found is what is durable", "[os][G2]") {
  fresh m;
  static_cast<void>(m.durable_file("file", 4 * page));
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    m.reopen();
    fill(map_all(m.open("file")).bytes(), static_cast<int>(seed) + 1);
    machine::power_loss(seed);
    const auto found = machine::contents("log/file");
    REQUIRE(machine::durable_contents("log/file") == found);
    machine::power_loss(seed, all_lost);  // a second loss finds nothing that could be lost
    REQUIRE(machine::contents("log/file") == found);
  }
}

TEST_CASE("memory: the kernel may write pages back at any time, and promises nothing", "[os][G2]") {
  const fresh m;
  const os::mapping mapped = map_all(m.durable_file("file", 32 * page));
  fill(mapped.bytes(), 1);
  machine::write_back(1);
  const auto durable = machine::durable_contents("log/file");
  CHECK_FALSE(all_are(durable, 0));
  CHECK_FALSE(all_are(durable, 1));
  machine::power_loss(1, all_lost);
  CHECK(machine::contents("log/file") == durable);
}

// ---- Old lives

TEST_CASE("memory: the death of a process loses nothing that was stored", "[os][G1]") {
  fresh m;
  const os::boot_id boot = os::this_boot().value();
  const os::file f = std::move(os::create_file(m.directory, "file", 0600).value());
  REQUIRE(os::allocate(f, page));
  const os::mapping mapped = map_all(f);
  fill(mapped.bytes(), 1);
  machine::process_death();
  CHECK(machine::contents("log/file") == filled(page, 1));
  CHECK(os::this_boot().value() == boot);
  machine::power_loss(1, all_lost);  // but all of it is as little durable as before
  CHECK(machine::names("log").empty());
  CHECK(os::this_boot().value() != boot);
}

TEST_CASE("memory: whoever outlives his life reaches nothing any more", "[os]") {
  fresh m;
  const os::file f = m.durable_file("file", page);
  const os::mapping mapped = map_all(f);
  fill(mapped.bytes(), 1);
  const auto end = GENERATE(0, 1, 2);
  if (end == 0) machine::process_death();
  if (end == 1) machine::power_loss(1, all_kept);
  if (end == 2) machine::restore(machine::snapshot());

  fill(mapped.bytes(), 2);  // does no harm
  CHECK(mapped.bytes()[0] == std::byte{2});
  CHECK(machine::contents("log/file") == filled(page, 1));
  CHECK(errno_of(os::sync_range(mapped, 0, page)) == EIO);
  CHECK(errno_of(os::sync_file(f)) == EIO);
  CHECK(errno_of(os::write_at(f, 0, filled(1, 2))) == EIO);
  CHECK(errno_of(os::list(m.directory)) == EIO);
  CHECK(errno_of(os::map(f, page, os::access::read)) == EIO);

  const os::file old_directory = std::move(m.directory);
  m.reopen();
  const os::mapping again = map_all(m.open("file"));
  CHECK(again.bytes()[0] == std::byte{1});
  CHECK(errno_of(os::list(old_directory)) == EIO);
}

TEST_CASE("memory: no lock outlives its holder", "[os][G7]") {
  fresh m;
  const os::file f = m.durable_file("file", page);
  REQUIRE(os::try_lock_directory(m.directory).value());
  REQUIRE(os::try_lock_for_life(f).value());
  machine::process_death();
  const os::file old_directory = std::move(m.directory);
  m.reopen();
  CHECK(os::try_lock_directory(m.directory).value());
  CHECK_FALSE(os::is_locked_for_life(m.open("file")).value());
  const os::file mine = m.open("file");
  CHECK(os::try_lock_for_life(mine).value());
}

TEST_CASE("memory: many crashes can be tried from one moment", "[os]") {
  fresh m;
  const os::mapping mapped = map_all(m.durable_file("file", page));
  fill(mapped.bytes(), 1);
  const machine::image before = machine::snapshot();
  fill(mapped.bytes(), 2);
  REQUIRE(os::sync_range(mapped, 0, page));
  for (int again = 0; again < 3; ++again) {
    machine::restore(before);
    CHECK(machine::contents("log/file") == filled(page, 1));
    machine::power_loss(1, all_lost);
    CHECK(machine::contents("log/file") == filled(page, 0));
    m.reopen();
    REQUIRE(os::write_at(m.open("file"), 0, filled(1, 9)));
  }
}

TEST_CASE("memory: a crash at a call stops the world just before it", "[os]") {
  fresh m;
  const os::file f = m.durable_file("file", page);
  const os::mapping mapped = map_all(f);
  machine::crash_at_call(2, machine::sync_calls);
  fill(mapped.bytes(), 1);
  REQUIRE(os::sync_range(mapped, 0, page));
  fill(mapped.bytes(), 2);
  CHECK_FALSE(machine::crashed());
  CHECK(errno_of(os::sync_range(mapped, 0, page)) == EIO);
  CHECK(machine::crashed());

  // The process winds down, and changes nothing by it.
  fill(mapped.bytes(), 3);
  CHECK(errno_of(os::write_at(f, 0, filled(1, 4))) == EIO);
  CHECK(errno_of(os::remove(m.directory, "file")) == EIO);
  CHECK(errno_of(os::open_directory("log")) == EIO);
  CHECK(errno_of(os::this_boot()) == EIO);

  SECTION("then only the process dies") {
    machine::process_death();
    CHECK(machine::contents("log/file") == filled(page, 2));
  }
  SECTION("or power is lost") {
    machine::power_loss(1, all_lost);
    CHECK(machine::contents("log/file") == filled(page, 1));
  }
  SECTION("or many crashes are tried") {
    const machine::image moment = machine::snapshot();
    std::set<std::vector<std::byte>> found;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      machine::restore(moment);
      CHECK(machine::contents("log/file") == filled(page, 2));
      machine::power_loss(seed);
      found.insert(machine::contents("log/file"));
    }
    CHECK(found.size() > 2);
  }
  CHECK_FALSE(machine::crashed());
  m.reopen();
  CHECK(os::list(m.directory).value() == names{"file"});
}

TEST_CASE("memory: a crash keeps to its calls and names", "[os]") {
  fresh m;
  const os::file one = m.durable_file("one", page);
  const os::file other = m.durable_file("other", page);
  machine::crash_at_call(1, call::sync_file, "other");
  CHECK(os::sync_file(one));
  CHECK(os::sync_data(other));
  CHECK(errno_of(os::sync_file(other)) == EIO);
  CHECK(machine::crashed());
  machine::reset();
  CHECK_FALSE(machine::crashed());
}

TEST_CASE("memory: threads may store while others sync, crash and look on", "[os]") {
  const fresh m;
  const os::file f = m.durable_file("file", 4 * page);
  const os::mapping mapped = map_all(f);
  std::atomic<bool> stop{false};
  std::vector<std::jthread> threads;
  for (std::uint64_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      auto& place = *reinterpret_cast<std::uint64_t*>(mapped.bytes().data() + i * page);
      const std::atomic_ref word{place};
      while (!stop.load(std::memory_order_relaxed)) word.fetch_add(1, std::memory_order_relaxed);
    });
  }
  threads.emplace_back([&] {
    while (!stop.load(std::memory_order_relaxed)) static_cast<void>(os::sync_range(mapped, 0, 2 * page));
  });
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    machine::write_back(seed);
    static_cast<void>(machine::snapshot());
  }
  machine::power_loss(1);
  CHECK(machine::contents("log/file").size() == 4 * page);
  stop.store(true, std::memory_order_relaxed);
}
