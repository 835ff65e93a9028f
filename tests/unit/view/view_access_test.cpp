// SPDX-License-Identifier: MIT
//
// What a view, and verify(), may not do: write, ask for more than reading, or disturb a writer.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "support/stepwise_writer.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

/// How many descriptors of this process lead below `dir`; fails if one of them may write.
int descriptors_into(const fs::path& dir) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    const auto target = fs::read_symlink(entry.path(), gone);
    if (gone || !target.string().starts_with(dir.string())) continue;
    ++count;
    std::ifstream info{"/proc/self/fdinfo/" + entry.path().filename().string()};
    std::string word;
    unsigned flags = O_RDWR;
    while (info >> word)
      if (word == "flags:") info >> std::oct >> flags;
    INFO(target << " flags " << std::oct << flags);
    CHECK((flags & O_ACCMODE) == O_RDONLY);
    CHECK((flags & O_CLOEXEC) != 0);
  }
  return count;
}

/// The same for mappings.
int mappings_of(const fs::path& dir) {
  int count = 0;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);) {
    if (line.find(dir.string()) == std::string::npos) continue;
    ++count;
    INFO(line);
    CHECK(line.find(" r--s ") != std::string::npos);
  }
  return count;
}

void read_all_of(const log_view& v, std::uint64_t expected) {
  std::uint64_t seen = 0;
  for (const auto& r : v.records()) {
    REQUIRE(r);
    ++seen;
  }
  CHECK(seen == expected);
}

void append_large(log& l) {
  for (int i = 0; i < 10; ++i) must(l.append(std::string(20'000, 'x')).has_value());
}

}  // namespace

TEST_CASE("a view opens and maps nothing for writing", "[view][G8]") {
  const temp_dir dir;
  stepwise_writer w{dir.path(), {append_large, append_large}};
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  w.go();
  read_all_of(*v, 10);
  CHECK(descriptors_into(dir.path()) >= 1);
  CHECK(mappings_of(dir.path()) >= 2);
  w.go();
  read_all_of(*v, 20);
  w.kill();
  read_all_of(*v, 20);
  CHECK(v->segments().has_value());
  descriptors_into(dir.path());
  mappings_of(dir.path());
}

TEST_CASE("opening and reading a log that nobody writes leaves every byte and every time of change", "[view][G8]") {
  const temp_dir dir;
  const bool closed = GENERATE(true, false);
  CAPTURE(closed);
  die_with(dir.path(), {.segment_bytes = 65'536}, [closed](log& l) {
    append_large(l);
    if (closed) must(l.close().has_value());
  });
  if (!closed) clear_stamp(dir.path(), 10);
  const auto before = image_of(dir.path());
  {
    const auto v = log_view::open(dir.path());
    REQUIRE(v);
    read_all_of(*v, closed ? 10 : 9);
    CHECK(v->stats().has_value());
    CHECK(v->segments().has_value());
    CHECK(verify(dir.path()).has_value());
    CHECK(descriptors_into(dir.path()) >= 1);
    CHECK(mappings_of(dir.path()) >= 1);
  }
  CHECK((image_of(dir.path()) == before));
  CHECK(descriptors_into(dir.path()) == 0);
  CHECK(mappings_of(dir.path()) == 0);
}

TEST_CASE("a view of a log of many segments holds few descriptors and mappings", "[view][G7]") {
  const temp_dir dir;
  {
    auto l = log::open(dir.path(), {.segment_bytes = 65'536});
    REQUIRE(l);
    for (int i = 0; i < 300; ++i) REQUIRE(l->append(std::string(30'000, 'x')).has_value());
    REQUIRE(l->close().has_value());
  }
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  read_all_of(*v, 300);
  CHECK(descriptors_into(dir.path()) <= 21);  // each segment that is mapped is pinned
  CHECK(mappings_of(dir.path()) <= 20);
}

TEST_CASE("a reader who may only read can read: directory 0500, files 0400, another user", "[view][G8]") {
  const temp_dir place;
  const fs::path dir = place.path() / "log";
  const bool closed = GENERATE(true, false);
  CAPTURE(closed);
  die_with(dir, {.segment_bytes = 65'536}, [closed](log& l) {
    append_large(l);
    if (closed) must(l.close().has_value());
  });
  constexpr uid_t nobody = 65'534;
  const bool root = ::geteuid() == 0;
  const auto give = [&](const fs::path& p, mode_t mode) {
    REQUIRE(::chmod(p.c_str(), mode) == 0);
    if (root) REQUIRE(::chown(p.c_str(), nobody, nobody) == 0);
  };
  for (const auto& entry : fs::directory_iterator{dir}) give(entry.path(), 0400);
  give(dir, 0500);
  give(place.path(), 0700);
  child_process reader{[&] {
    if (root && (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
                 ::setresuid(nobody, nobody, nobody) != 0))
      return 2;
    const auto v = log_view::open(dir);
    if (!v) return 3;
    int seen = 0;
    for (const auto& r : v->records()) seen += r.has_value() ? 1 : 100;
    if (seen != 10) return 4;
    const auto report = verify(dir);
    if (!report || !report->findings.empty()) return 5;
    const auto l = log::open(dir);  // and may not write
    return l || l.error().code() != errc::io || l.error().os_errno() != EACCES ? 6 : 0;
  }};
  reader.wait();
  CHECK(reader.exited_with(0));
  CHECK(reader.status() == 0);
  REQUIRE(::chmod(dir.c_str(), 0700) == 0);  // so that it can be removed
}

TEST_CASE("a view takes no lock that a writer waits for", "[view][G8]") {
  const temp_dir dir;
  die_after(dir.path(), "abc");
  const auto v = log_view::open(dir.path());
  REQUIRE(v);
  auto r = v->reader();
  REQUIRE(r);
  for (int life = 0; life < 3; ++life) {
    auto l = log::open(dir.path());
    REQUIRE(l);
    append_all(*l, "d");
    const auto another = log_view::open(dir.path());
    REQUIRE(another);
    CHECK(another->published_sequence() == v->published_sequence());
    REQUIRE(l->close().has_value());
  }
  CHECK(texts_of(*v) == "a b c d d d ");
}

}  // namespace varve::testing
