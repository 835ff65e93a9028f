// SPDX-License-Identifier: MIT
//
// file_test.cpp - os/file.hpp on a real file system.
#include "os/file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace os = varve::os;
using varve::testing::temp_dir;

namespace {

template <class T>
int errno_of(const os::result<T>& r) {
  return r ? 0 : r.error().number;
}

/// A directory that a test may fill.
struct place {
  temp_dir dir;
  os::file directory = std::move(os::open_directory(dir.path()).value());

  [[nodiscard]] std::string path(const char* name) const { return dir.path() / name; }
  [[nodiscard]] os::file create(const char* name) const { return std::move(os::create_file(directory, name, 0600).value()); }
};

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

mode_t permissions_of(const std::string& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

/// Runs `body` in a child; its answer is the child's exit status, or minus the signal that killed it.
template <class Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Clears the umask's influence on a test, and puts it back.
struct with_umask {
  explicit with_umask(mode_t mask) : before(::umask(mask)) {}
  with_umask(const with_umask&) = delete;
  with_umask& operator=(const with_umask&) = delete;
  ~with_umask() { ::umask(before); }
  mode_t before;
};

/// A small file system of its own; only root can have one.
struct mounted {
  mounted(const std::string& on, const char* kind, const char* options)
      : path(on), done(::mount("none", on.c_str(), kind, 0, options) == 0), why(errno) {}
  mounted(const mounted&) = delete;
  mounted& operator=(const mounted&) = delete;
  ~mounted() {
    if (done) ::umount2(path.c_str(), MNT_DETACH);
  }
  std::string path;
  bool done;
  int why;
};

}  // namespace

TEST_CASE("a directory that is not there, or is none, is not opened", "[os]") {
  const place p;
  CHECK(errno_of(os::open_directory(p.path("absent"))) == ENOENT);
  static_cast<void>(p.create("file"));
  CHECK(errno_of(os::open_directory(p.path("file"))) == ENOTDIR);
  CHECK(errno_of(os::open_directory("")) == ENOENT);
}

TEST_CASE("a directory is opened through a symbolic link as well", "[os]") {
  const place p;
  std::filesystem::create_directory_symlink(p.dir.path(), p.path("link"));
  CHECK(os::open_directory(p.path("link")).has_value());
}

TEST_CASE("a directory is made with the mode asked for, whatever the umask", "[os]") {
  const place p;
  const with_umask mask{0077};
  REQUIRE(os::make_directory(p.path("made"), 0755));
  CHECK(permissions_of(p.path("made")) == 0755);
  REQUIRE(os::make_directory(p.path("with_slashes//"), 0700));
  CHECK(permissions_of(p.path("with_slashes")) == 0700);
}

TEST_CASE("a directory is made once, and only where its parent is", "[os]") {
  const place p;
  REQUIRE(os::make_directory(p.path("made"), 0700));
  CHECK(errno_of(os::make_directory(p.path("made"), 0700)) == EEXIST);
  CHECK(errno_of(os::make_directory(p.path("absent/made"), 0700)) == ENOENT);
  CHECK(errno_of(os::make_directory("", 0700)) == ENOENT);
  CHECK(errno_of(os::make_directory("/", 0700)) == EEXIST);
  CHECK(errno_of(os::make_directory(".", 0700)) == EEXIST);
}

TEST_CASE("a list holds every name but the two dots, and can be had again from the same descriptor", "[os]") {
  const place p;
  REQUIRE(os::list(p.directory)->empty());
  static_cast<void>(p.create("b"));
  static_cast<void>(p.create("a"));
  REQUIRE(os::make_directory(p.path("c"), 0700));
  for (int again = 0; again < 2; ++again) {
    auto names = os::list(p.directory).value();
    std::ranges::sort(names);
    CHECK(names == std::vector<std::string>{"a", "b", "c"});
  }
}

TEST_CASE("a new file has the permissions asked for, whatever the umask", "[os]") {
  const place p;
  const with_umask mask{0077};
  REQUIRE(os::create_file(p.directory, "wide", 0664));
  CHECK(permissions_of(p.path("wide")) == 0664);
  const with_umask none{0};
  REQUIRE(os::create_file(p.directory, "narrow", 0600));
  CHECK(permissions_of(p.path("narrow")) == 0600);
}

TEST_CASE("a file is not created where there is something, not even through a link to nowhere", "[os][G7]") {
  const place p;
  static_cast<void>(p.create("file"));
  std::filesystem::create_symlink("nowhere", p.path("dangling"));
  REQUIRE(os::make_directory(p.path("directory"), 0700));
  CHECK(errno_of(os::create_file(p.directory, "file", 0600)) == EEXIST);
  CHECK(errno_of(os::create_file(p.directory, "dangling", 0600)) == EEXIST);
  CHECK(errno_of(os::create_file(p.directory, "directory", 0600)) == EEXIST);
  CHECK_FALSE(std::filesystem::exists(p.path("nowhere")));
}

TEST_CASE("a symbolic link is never opened", "[os][G7]") {
  const place p;
  static_cast<void>(p.create("file"));
  std::filesystem::create_symlink("file", p.path("link"));
  CHECK(errno_of(os::open_file(p.directory, "link", os::access::read)) == ELOOP);
  CHECK(errno_of(os::open_file(p.directory, "link", os::access::read_write)) == ELOOP);
}

TEST_CASE("a FIFO is refused without waiting for its other end", "[os][G7]") {
  const place p;
  REQUIRE(::mkfifo(p.path("fifo").c_str(), 0600) == 0);
  ::alarm(10);  // a wait would be for ever
  CHECK(errno_of(os::open_file(p.directory, "fifo", os::access::read)) == EINVAL);
  CHECK(errno_of(os::open_file(p.directory, "fifo", os::access::read_write)) == EINVAL);
  ::alarm(0);
}

TEST_CASE("directories, sockets and devices are refused as files", "[os][G7]") {
  const place p;
  REQUIRE(os::make_directory(p.path("directory"), 0700));
  const os::file socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = p.path("socket");
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  REQUIRE(::bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const os::file devices = std::move(os::open_directory("/dev").value());
  for (const os::access mode : {os::access::read, os::access::read_write}) {
    CHECK(errno_of(os::open_file(p.directory, "directory", mode)) == EINVAL);
    CHECK(errno_of(os::open_file(p.directory, "socket", mode)) == EINVAL);
    CHECK(errno_of(os::open_file(devices, "zero", mode)) == EINVAL);
  }
}

TEST_CASE("no descriptor is inherited by a program that is executed", "[os]") {
  const place p;
  const os::file made = p.create("file");
  const os::file read = std::move(os::open_file(p.directory, "file", os::access::read).value());
  for (const int descriptor : {p.directory.descriptor(), made.descriptor(), read.descriptor()}) {
    CHECK((::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("bytes are read back from where they were written; fewer only at the end of the file", "[os]") {
  const place p;
  const os::file f = p.create("file");
  const auto text = bytes_of("sediment");
  REQUIRE(os::write_at(f, 5, text));
  std::vector<std::byte> read(8);
  CHECK(os::read_at(f, 5, read).value() == 8);
  CHECK(read == text);
  CHECK(os::read_at(f, 9, read).value() == 4);
  CHECK(os::read_at(f, 13, read).value() == 0);
  CHECK(os::read_at(f, 100, read).value() == 0);
  CHECK(os::status_of(f)->bytes == 13);
}

TEST_CASE("an offset beyond what a file can have is an error", "[os]") {
  const place p;
  const os::file f = p.create("file");
  std::vector<std::byte> bytes(8);
  CHECK(errno_of(os::read_at(f, ~std::uint64_t{0}, bytes)) == EINVAL);
  CHECK(errno_of(os::write_at(f, ~std::uint64_t{0}, bytes)) == EINVAL);
}

TEST_CASE("a file opened for reading cannot be written", "[os]") {
  const place p;
  static_cast<void>(p.create("file"));
  const os::file f = std::move(os::open_file(p.directory, "file", os::access::read).value());
  CHECK(errno_of(os::write_at(f, 0, bytes_of("x"))) == EBADF);
  CHECK(errno_of(os::allocate(f, 4096)) == EBADF);
  CHECK(errno_of(os::try_lock_for_life(f)) == EBADF);
}

TEST_CASE("allocating takes real blocks", "[os][G7]") {
  const place p;
  const os::file f = p.create("file");
  constexpr std::uint64_t bytes = 3 << 20;
  REQUIRE(os::allocate(f, bytes));
  const os::file_status status = os::status_of(f).value();
  CHECK(status.bytes == bytes);
  CHECK(status.allocated_bytes >= bytes);
}

TEST_CASE("allocating on a full disk is an error, and nothing else takes its place", "[os][G7]") {
  const place p;
  REQUIRE(os::make_directory(p.path("small"), 0700));
  const mounted small{p.path("small"), "tmpfs", "size=1m"};
  if (!small.done) {
    WARN("skipped: no tmpfs can be mounted here: " << std::strerror(small.why));
    return;
  }
  const os::file directory = std::move(os::open_directory(small.path).value());
  const os::file f = std::move(os::create_file(directory, "file", 0600).value());
  CHECK(errno_of(os::allocate(f, 2 << 20)) == ENOSPC);
  const std::vector<std::byte> two_mebibytes(2 << 20);
  CHECK(errno_of(os::write_at(f, 0, two_mebibytes)) == ENOSPC);
  REQUIRE(os::remove(directory, "file"));
  const os::file fits = std::move(os::create_file(directory, "fits", 0600).value());
  CHECK(errno_of(os::allocate(fits, 1 << 19)) == ENOSPC);  // the first one's descriptor still holds its blocks
}

TEST_CASE("where a file system does not know how to allocate, blocks are taken by writing", "[os][G7]") {
  const place p;
  REQUIRE(os::make_directory(p.path("plain"), 0700));
  const mounted plain{p.path("plain"), "ramfs", ""};
  if (!plain.done) {
    WARN("skipped: no ramfs can be mounted here: " << std::strerror(plain.why));
    return;
  }
  const os::file directory = std::move(os::open_directory(plain.path).value());
  const os::file f = std::move(os::create_file(directory, "file", 0600).value());
  REQUIRE(::fallocate(f.descriptor(), 0, 0, 4096) == -1);
  REQUIRE(errno == EOPNOTSUPP);
  constexpr std::uint64_t bytes = (1 << 20) + 8192;  // not a whole number of the writes
  REQUIRE(os::allocate(f, bytes));
  CHECK(os::status_of(f)->bytes == bytes);
  CHECK(os::status_of(f)->allocated_bytes >= bytes);
}

TEST_CASE("beyond the limit on file sizes allocating and writing are errors, once the signal is ignored", "[os][G7]") {
  const place p;
  const os::file f = p.create("file");
  const int failed = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 64 << 10, .rlim_max = 64 << 10};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    if (errno_of(os::allocate(f, 1 << 20)) != EFBIG) return 2;
    // The part that fits is written, then the rest is refused: half a write must not look like a whole one.
    const std::vector<std::byte> too_much(128 << 10);
    if (errno_of(os::write_at(f, 0, too_much)) != EFBIG) return 3;
    if (!os::write_at(f, 0, std::span{too_much}.first(64 << 10))) return 4;
    return 0;
  });
  CHECK(failed == 0);
}

TEST_CASE("renaming replaces what has the new name; removing takes a name away", "[os]") {
  const place p;
  REQUIRE(os::write_at(p.create("new"), 0, bytes_of("new")));
  REQUIRE(os::write_at(p.create("old"), 0, bytes_of("older")));
  REQUIRE(os::rename(p.directory, "new", "old"));
  CHECK(os::list(p.directory).value() == std::vector<std::string>{"old"});
  CHECK(os::status_of(os::open_file(p.directory, "old", os::access::read).value())->bytes == 3);
  REQUIRE(os::remove(p.directory, "old"));
  CHECK(os::list(p.directory)->empty());
  CHECK(errno_of(os::remove(p.directory, "old")) == ENOENT);
  CHECK(errno_of(os::rename(p.directory, "old", "new")) == ENOENT);
  CHECK(errno_of(os::open_file(p.directory, "old", os::access::read)) == ENOENT);
}

TEST_CASE("a status tells files apart and counts their links", "[os]") {
  const place p;
  const os::file one = p.create("one");
  const os::file other = p.create("other");
  CHECK(os::status_of(one)->inode != os::status_of(other)->inode);
  CHECK(os::status_of(one)->links == 1);
  CHECK(os::status_of(one)->regular);
  CHECK_FALSE(os::status_of(p.directory)->regular);
  std::filesystem::create_hard_link(p.path("one"), p.path("again"));
  CHECK(os::status_of(one)->links == 2);
  const os::file again = std::move(os::open_file(p.directory, "again", os::access::read).value());
  CHECK(os::status_of(again)->inode == os::status_of(one)->inode);
  CHECK(os::status_of(again)->birth_ns == os::status_of(one)->birth_ns);
}

TEST_CASE("files and directories can be made durable, and what cannot be says so", "[os]") {
  const place p;
  const os::file f = p.create("file");
  REQUIRE(os::write_at(f, 0, bytes_of("text")));
  CHECK(os::sync_data(f));
  CHECK(os::sync_file(f));
  CHECK(os::sync_directory(p.directory));
  CHECK(os::sync_parent(p.directory));
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const os::file in{ends[0]};
  const os::file out{ends[1]};
  CHECK(errno_of(os::sync_file(in)) == EINVAL);
  CHECK(errno_of(os::sync_data(in)) == EINVAL);
}

TEST_CASE("a directory is locked by one descriptor at a time, even within one process", "[os][G7]") {
  const place p;
  os::file first = std::move(os::open_directory(p.dir.path()).value());
  const os::file second = std::move(os::open_directory(p.dir.path()).value());
  CHECK(os::try_lock_directory(first).value());
  CHECK_FALSE(os::try_lock_directory(second).value());
  first.close();
  CHECK(os::try_lock_directory(second).value());
}

TEST_CASE("the lock of a process that dies is free again", "[os][G7]") {
  const place p;
  const int locked = in_child([&] {
    os::file mine = std::move(os::open_directory(p.dir.path()).value());
    return os::try_lock_directory(mine).value_or(false) ? 7 : 1;
  });
  CHECK(locked == 7);
  CHECK(os::try_lock_directory(p.directory).value());
}

TEST_CASE("a lock for life can be asked about by who may only read, and is not disturbed by that", "[os]") {
  const place p;
  os::file holder = p.create("file");
  const os::file rival = std::move(os::open_file(p.directory, "file", os::access::read_write).value());
  const os::file asker = std::move(os::open_file(p.directory, "file", os::access::read).value());
  CHECK_FALSE(os::is_locked_for_life(asker).value());
  CHECK(os::try_lock_for_life(holder).value());
  for (int again = 0; again < 2; ++again) {
    CHECK(os::is_locked_for_life(asker).value());
    CHECK_FALSE(os::try_lock_for_life(rival).value());
  }
  CHECK_FALSE(os::is_locked_for_life(holder).value());  // not about oneself
  holder.close();
  CHECK_FALSE(os::is_locked_for_life(asker).value());
}

TEST_CASE("closing another descriptor of the file does not end a lock for life", "[os]") {
  const place p;
  const os::file holder = p.create("file");
  REQUIRE(os::try_lock_for_life(holder).value());
  static_cast<void>(os::open_file(p.directory, "file", os::access::read_write).value());
  const os::file asker = std::move(os::open_file(p.directory, "file", os::access::read).value());
  CHECK(os::is_locked_for_life(asker).value());
}

TEST_CASE("file systems of this machine are told apart from those of the network", "[os][G7]") {
  const place p;
  CHECK(os::file_system_of(p.directory).value() != os::file_system_kind::network);
  CHECK(os::file_system_of(os::open_directory("/proc").value()).value() == os::file_system_kind::local);
}

TEST_CASE("a file is closed once, by whoever holds it last", "[os]") {
  const place p;
  os::file one = p.create("one");
  const int descriptor = one.descriptor();
  os::file two = std::move(one);
  CHECK_FALSE(one.is_open());
  CHECK(two.descriptor() == descriptor);
  CHECK(::fcntl(descriptor, F_GETFD) != -1);
  two = p.create("two");
  CHECK(::fcntl(descriptor, F_GETFD) == -1);
  CHECK(two.is_open());
}
