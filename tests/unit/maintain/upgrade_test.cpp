// SPDX-License-Identifier: MIT
//
// upgrade() of the golden logs of version 1: record by record what varve 0.1 was given, in a log of this version.
#include <varve/varve.h>
#include <varve/varve.hpp>

#include "format/meta.hpp"
#include "format/segment_header.hpp"
#include "golden/version1.hpp"
#include "os/file.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

/// What is told of a record: type, batch, chunk, the last digit of its time in nanoseconds, payload; "-" if it is abandoned.
std::string text_of(const log_view& v, std::uint64_t s) {
  const auto read = v.read({s});
  if (!read) return read.error().code() == errc::abandoned ? "-" : std::string{name_of(read.error().code())};
  auto r = v.reader({s});
  REQUIRE(r.has_value());
  const auto next = r->next();
  REQUIRE(next.has_value());
  REQUIRE(next->has_value());
  const record& got = **next;
  const auto ns = got.time().time_since_epoch().count();
  std::string text = std::to_string(got.type()) + (got.batch_goes_on() ? "+" : "") + (got.is_chunk() ? "c" : "");
  if (ns != 0) text += "@" + std::to_string(ns % 1000);
  return text + " " + std::string{got.text()};
}

std::vector<std::string> contents_of(const fs::path& log) {
  const auto v = log_view::open(log);
  INFO((v ? std::string{} : v.error().message()));
  REQUIRE(v.has_value());
  std::vector<std::string> all{std::to_string(v->first_sequence().value)};
  for (std::uint64_t s = v->first_sequence().value; s <= v->published_sequence().value; ++s) all.push_back(text_of(*v, s));
  return all;
}

const std::vector<std::string> closed{"1",
                                      "1@1 first",
                                      "65535@2 ",
                                      "2+@3 two",
                                      "2+@3 three",
                                      "2@3 four",
                                      "3+c@4 chunk one",
                                      "3c@4 chunk two, longer",
                                      "4@5 short",
                                      "-",
                                      "6@7 " + std::string(300, 'x'),
                                      "7@9 of the second life"};
const std::vector<std::string> killed{"1", "1 before", "-", "2 behind the hole", "9+ b1", "9 b2"};
const std::vector<std::string> trimmed{"3", "3 d", "4 e", "5 f", "0+ kept", "8 after the cut"};

struct golden {
  std::string name;
  std::vector<std::string> contents;
};
const golden logs[] = {{"closed", closed}, {"killed", killed}, {"trimmed", trimmed}};

/// Every sector of every header is of this version.
void check_version(const fs::path& log) {
  for (const auto at : meta_copies) CHECK(read_sector<format::meta>(log / "varve.meta", at).head.version == format::version);
  for (const auto number : segment_numbers(log)) {
    const auto file = segment_path(log, number);
    const auto header = read_part(file, 0, format::segment_header_bytes);
    for (std::size_t at = 0; at < header.size(); at += format::sector_bytes) {
      const bool is_written = header[at] != std::byte{};
      if (is_written) CHECK(read_sector<format::identity>(file, at).head.version == format::version);
    }
  }
}

}  // namespace

TEST_CASE("an upgrade keeps every record of a log of version 1", "[upgrade][version1]") {
  for (const auto& g : logs) {
    for (const bool reflink : {false, true}) {
      INFO(g.name << ' ' << reflink);
      const temp_dir dir;
      const auto from = dir.path() / "log", to = dir.path() / "new";
      make_log_of_version_1(from, g.name);
      make_it_the_original(from);
      const auto before = image_of(from);
      const auto done = upgrade(from, to, {.reflink = reflink, .file_mode = 0640});
      INFO((done ? std::string{} : done.error().message()));
      REQUIRE(done.has_value());
      CHECK(image_of(from) == before);
      CHECK(done->sequences.size() == g.contents.size() - 1);
      CHECK(done->found.stepped_over == (g.name == "killed" ? 1 : 0));
      CHECK(done->found.cut_records == 0);
      CHECK(contents_of(to) == g.contents);
      check_version(to);
      const auto verified = verify(to);
      REQUIRE(verified.has_value());
      CHECK(rows_of(*verified).empty());
      CHECK(verified->clean);
      CHECK((fs::status(to / "varve.meta").permissions() & fs::perms::mask) == fs::perms{0640});
    }
  }
}

TEST_CASE("the log that an upgrade made goes on", "[upgrade][version1]") {
  for (const auto& g : logs) {
    INFO(g.name);
    const temp_dir dir;
    const auto from = dir.path() / "log", to = dir.path() / "new";
    make_log_of_version_1(from, g.name);
    make_it_the_original(from);
    REQUIRE(upgrade(from, to).has_value());
    auto expected = g.contents;
    for (int life = 0; life < 2; ++life) {
      auto l = log::open(to, {.recovery = recovery_mode::strict, .verify_at_open = true});
      INFO((l ? std::string{} : l.error().message()));
      REQUIRE(l.has_value());
      REQUIRE(l->append("more", {.type = 77, .time = record_time{std::chrono::nanoseconds{5}}}).has_value());
      REQUIRE(l->close().has_value());
      expected.push_back(g.name == "closed" ? "77@5 more" : "77 more");
      CHECK(contents_of(to) == expected);
    }
  }
}

TEST_CASE("an upgrade of a copy has what was durable, and says what a power loss took", "[upgrade][version1]") {
  const temp_dir dir;
  for (const auto& g : logs) {
    INFO(g.name);
    const auto from = dir.path() / g.name, to = dir.path() / (g.name + ".new");
    make_log_of_version_1(from, g.name);
    const auto done = upgrade(from, to);
    REQUIRE(done.has_value());
    const bool lost = g.name == "killed";  // in another boot a hole ends the log
    CHECK(contents_of(to) == (lost ? std::vector<std::string>{"1", "1 before"} : g.contents));
    CHECK((done->found.cut_records > 0) == lost);
  }
}

TEST_CASE("an upgrade refuses what needs none, what is there, what is open, and damage", "[upgrade][version1]") {
  const temp_dir dir;
  const auto from = dir.path() / "log", to = dir.path() / "new";
  const auto code = [&] {
    const auto done = upgrade(from, to);
    return done ? std::string{"none"} : std::string{name_of(done.error().code())};
  };
  CHECK(code() == "not_found");
  make_log_of_version_1(from, "closed");
  make_it_the_original(from);
  fs::create_directory(to);
  const auto there = upgrade(from, to);
  REQUIRE(!there.has_value());
  CHECK(there.error().code() == errc::bad_option);
  CHECK(there.error().path() == "to");
  fs::remove(to);
  CHECK(upgrade(from, to, {.file_mode = 0}).error().code() == errc::bad_option);
  {
    const auto directory = os::open_directory(from.string());
    REQUIRE(directory.has_value());
    REQUIRE(os::try_lock_directory(*directory).value());  // as a writer of varve 0.1 does
    CHECK(code() == "locked");
  }
  flip_payload_bit(from, 4);
  CHECK(code() == "damaged");
  CHECK(!fs::exists(to));
  flip_payload_bit(from, 4);
  CHECK(code() == "none");
  const auto again = upgrade(to, dir.path() / "newer");
  REQUIRE(!again.has_value());
  CHECK(again.error().code() == errc::bad_option);
  CHECK(again.error().path() == "from");
  for (const auto& entry : fs::directory_iterator{dir.path()})
    CHECK(entry.path().filename().string().find("partial") == std::string::npos);
}

TEST_CASE("a log is upgraded from C", "[upgrade][version1][capi]") {
  const temp_dir dir;
  const auto from = (dir.path() / "log").string(), to = (dir.path() / "new").string();
  make_log_of_version_1(from, "killed");
  make_it_the_original(from);
  VARVE_SIZED(varve_backup_report, made);
  VARVE_SIZED(varve_report, found);
  std::string rows;
  const auto on_finding = [](void* user, const varve_finding* f) { static_cast<std::string*>(user)->push_back(f->row); };
  REQUIRE(varve_upgrade(from.c_str(), to.c_str(), nullptr, &made, &found, on_finding, &rows) == VARVE_OK);
  CHECK(made.first_sequence == 1);
  CHECK(made.end_sequence == 6);
  CHECK(made.segments == 1);
  CHECK(found.stepped_over == 1);
  CHECK(rows == "M");
  CHECK(contents_of(to) == killed);
  CHECK(varve_upgrade(to.c_str(), from.c_str(), nullptr, nullptr, nullptr, nullptr, nullptr) == VARVE_BAD_OPTION);
}

}  // namespace varve::testing
