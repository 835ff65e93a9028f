// SPDX-License-Identifier: MIT
//
// What is no file, or not this log's alone, in the place of each file of a log. Nothing is followed, opened for long, or
// changed.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "hostile/spoiled_directory.hpp"

namespace varve::testing {
namespace {

enum class odd { link, dangling_link, link_to_itself, fifo, socket, directory, character_device, block_device, hard_link };

constexpr const char* name_of(odd kind) {
  constexpr const char* names[] = {"a link to it", "a link to nothing",  "a link to itself", "a FIFO",     "a socket",
                                   "a directory",  "a character device", "a block device",   "a hard link"};
  return names[static_cast<std::size_t>(kind)];
}

/// False if this process may not make one.
bool put_in_place(odd kind, const fs::path& file, const fs::path& aside) {
  if (kind == odd::hard_link) {
    fs::create_hard_link(file, aside);
    return true;
  }
  fs::rename(file, aside);
  const char* const name = file.c_str();
  switch (kind) {
    case odd::link: fs::create_symlink(aside, file); return true;
    case odd::dangling_link: fs::create_symlink(aside.string() + "-not-there", file); return true;
    case odd::link_to_itself: fs::create_symlink(file.filename(), file); return true;
    case odd::fifo: return ::mkfifo(name, 0600) == 0;
    case odd::directory: return fs::create_directory(file);
    case odd::character_device: return ::mknod(name, S_IFCHR | 0600, makedev(1, 5)) == 0;  // /dev/zero
    case odd::block_device: return ::mknod(name, S_IFBLK | 0600, makedev(7, 4095)) == 0;   // of no disk
    case odd::socket: {
      sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
      if (file.string().size() >= sizeof address.sun_path) return false;
      std::ranges::copy(file.string(), std::begin(address.sun_path));
      const int made = ::socket(AF_UNIX, SOCK_STREAM, 0);
      const bool bound = ::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      ::close(made);
      return bound;
    }
    case odd::hard_link: break;
  }
  return false;
}

constexpr odd all_kinds[] = {odd::link,   odd::dangling_link, odd::link_to_itself,   odd::fifo,
                             odd::socket, odd::directory,     odd::character_device, odd::block_device};

/// One file, and what follows from anything that is no regular file in its place. An errno is that of a link, or not.
struct file_row {
  const char* file;
  const char* opened = "123456789";
  const char* found = "";
  const char* seen = "123456789";
};
const file_row odd_rows[] = {
    {"varve.meta", "not_a_log errno ", "not_a_log errno ", "not_a_log errno "},
    {"varve.state", "not_a_log errno ", "not_a_log errno ", "not_a_log errno "},
    {"varve.live", "not_a_log errno ", "not_a_log errno ", "not_a_log errno "},
    {"00000000000000000001.seg", "incomplete segment 2 sequence 1 to 3", "ZZZ", "!!!456789"},
    {"00000000000000000002.seg", "incomplete segment 3 sequence 4 to 6", "ZG", "123!!!789"},
    {"00000000000000000003.seg", "incomplete segment 3 sequence 7 to 9", "ZG", "123456!!!"},
    {"00000000000000000002.idx"},
    {"00000000000000000003.idx"},
};
/// What is read, but never written.
const file_row hard_link_rows[] = {
    {"varve.meta", "not_a_log errno 31"},
    {"varve.state", "not_a_log errno 31"},
    {"varve.live", "not_a_log errno 31"},
    {"00000000000000000001.seg"},
    {"00000000000000000003.seg", "io segment 3 errno 31"},
    {"00000000000000000002.idx"},
    {"00000000000000000003.idx"},
};

std::string with_errno(std::string text, odd kind) {
  const bool is_link = kind == odd::link || kind == odd::dangling_link || kind == odd::link_to_itself;
  if (text.ends_with(' ')) text += std::to_string(is_link ? ELOOP : EINVAL);
  return text;
}

void check(const file_row& row, odd kind, bool closed) {
  const nine_records log{closed};
  const auto aside = log.place.path() / "aside";
  INFO(row.file << ": " << name_of(kind));
  if (!put_in_place(kind, log.dir / row.file, aside)) return;
  const auto bytes = read_file(aside);
  const auto opened = with_errno(row.opened, kind), found = with_errno(row.found, kind), seen = with_errno(row.seen, kind);
  check_row({name_of(kind), nullptr, opened.c_str(), found.c_str(), seen.c_str()}, log.dir);
  CHECK((read_file(aside) == bytes));
}

}  // namespace

TEST_CASE("something that is no regular file in the place of each file", "[hostile][G7]") {
  for (const auto& row : odd_rows)
    for (const odd kind : all_kinds) check(row, kind, true);
}

TEST_CASE("a file that has another name elsewhere is read, and not written", "[hostile][G7]") {
  for (const auto& row : hard_link_rows) check(row, odd::hard_link, true);
  // Of a dead writer's log: whether the first segments had been sealed by then nobody knows.
  for (const auto& row : hard_link_rows)
    if (!std::string_view{row.file}.ends_with("1.seg")) check(row, odd::hard_link, false);
}

TEST_CASE("something that is no directory in the place of a log", "[hostile][G7]") {
  constexpr std::pair<odd, const char*> expected[] = {
      {odd::link, "not_a_log errno 20"},           {odd::dangling_link, "not_found"},
      {odd::link_to_itself, "not_a_log errno 40"}, {odd::fifo, "not_a_log errno 20"},
      {odd::socket, "not_a_log errno 20"},         {odd::character_device, "not_a_log errno 20"},
      {odd::block_device, "not_a_log errno 20"}};
  for (const auto& [kind, answer] : expected) {
    INFO(name_of(kind));
    const fast_dir place;
    const auto path = place.path() / "log";
    write_new_file(path, "mine");
    if (!put_in_place(kind, path, place.path() / "aside")) continue;
    const auto before = image_of(place.path());
    const auto l = log::open(path);
    REQUIRE_FALSE(l);
    CHECK(facts_of(l.error(), path) == answer);
    CHECK(facts_of(log_view::open(path).error(), path) == answer);
    CHECK(facts_of(verify(path).error(), path) == answer);
    CHECK((image_of(place.path()) == before));
  }
}

TEST_CASE("something that is no regular file under the name that a creation uses for a moment", "[hostile][G7]") {
  for (const odd kind : all_kinds) {
    INFO(name_of(kind));
    const fast_dir place;
    const auto dir = place.path() / "log", temporary = dir / format::meta_temporary_name;
    fs::create_directory(dir);
    write_new_file(temporary, "mine");
    if (!put_in_place(kind, temporary, place.path() / "aside")) continue;
    const auto l = log::open(dir);
    // A directory is somebody's; of all else only the name goes.
    if (kind == odd::directory) {
      REQUIRE_FALSE(l);
      CHECK(facts_of(l.error(), dir) == "io errno 21");
    } else {
      REQUIRE(l);
    }
    CHECK(read_file(place.path() / "aside").size() == 4);
  }
}

}  // namespace varve::testing
