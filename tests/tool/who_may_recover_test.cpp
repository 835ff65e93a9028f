// SPDX-License-Identifier: MIT
//
// Which verbs may change a log that needs recovery: each verb on a log that was closed, whose process has died, that has
// lost power with a torn end, and on copies with a flipped byte, or without the last segment. Verbs that read change
// nothing. Verbs that write step over what a dead process left, and say so; but only append and recover cut.

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "format/layout.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;
namespace fs = std::filesystem;

namespace {

enum class state : std::uint8_t { closed, dead, torn, torn_without_live, torn_with_sparse_live, flipped_copy, short_copy };
constexpr state all_states[] = {
    state::closed,       state::dead,      state::torn, state::torn_without_live, state::torn_with_sparse_live,
    state::flipped_copy, state::short_copy};

bool is_torn(state s) { return s == state::torn || s == state::torn_without_live || s == state::torn_with_sparse_live; }
bool would_cut(state s) { return s != state::closed && s != state::dead; }

constexpr char letters[] = "abcdefghijklmnopqrst";  // a record each, of 20,000 bytes: three to a segment
constexpr std::uint64_t count = sizeof letters - 1, unfinished = 19;

/// Of its records 16 are durable, and one of the others is not finished.
void make_dead(const fs::path& log) {
  die_with(log, {.segment_bytes = 64 * 1024}, [](varve::log& l) {
    for (std::uint64_t i = 0; i < count; ++i) {
      must(l.append(std::string(20'000, letters[i])).has_value());
      if (i + 1 == 16) must(l.sync().has_value());
    }
  });
  clear_stamp(log, unfinished);
}

void make_closed(const fs::path& log) {
  auto l = varve::log::open(log, {.segment_bytes = 64 * 1024});
  REQUIRE(l);
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(l->append(std::string(20'000, letters[i])).has_value());
  REQUIRE(l->close().has_value());
}

/// A copy of a closed log, as cp -r makes it.
void make_copy(const fs::path& log) {
  const fs::path original = log.string() + ".original";
  make_closed(original);
  fs::copy(original, log, fs::copy_options::recursive);
}

void make(const fs::path& log, state s) {
  switch (s) {
    case state::closed: return make_closed(log);
    case state::dead: return make_dead(log);
    case state::torn:
    case state::torn_without_live:
    case state::torn_with_sparse_live: {
      make_dead(log);
      make_power_loss(log);
      const auto live = log / varve::format::live_name;
      if (s == state::torn_without_live) fs::remove(live);
      if (s == state::torn_with_sparse_live) {
        const auto bytes = fs::file_size(live);
        fs::resize_file(live, 0);
        fs::resize_file(live, bytes);
      }
      return;
    }
    case state::flipped_copy: make_copy(log); return flip_payload_bit(log, count);
    case state::short_copy:
      make_copy(log);
      fs::remove(segment_path(log, place_of(log, count).segment));
      return;
  }
}

using words = std::vector<std::string>;
words with_json(words w) {
  w.emplace_back("--json");
  return w;
}

/// What only reads. In the directory of `p` it may make things beside the log.
std::vector<words> readers(const place& p, const std::string& out) {
  static int number = 0;
  const auto new_name = [&] { return (fs::path(out) / ("new" + std::to_string(++number))).string(); };
  return {{"cat", p.log},
          {"get", p.log, "1"},
          {"tail", p.log, "-n1"},
          {"ls", p.log},
          {"stat", p.log},
          {"verify", p.log},
          {"recover", p.log, "--dry-run"},
          {"retain", p.log, "--max-segments", "2", "--dry-run"},
          {"retain", p.log, "--max-segments", "2", "--keep-for-readers", "--dry-run"},
          {"copy", p.log, new_name()},
          {"salvage", p.log, new_name()},
          {"backup", p.log, new_name()}};
}

/// What writes, and must not cut.
std::vector<words> changers(const place& p) {
  return {{"trim", p.log, "--before", "2"},
          {"truncate", p.log, "--after", "5"},
          {"truncate", p.log, "--reset", "100", "--yes"},
          {"retain", p.log, "--max-segments", "2", "--yes"},
          {"index", "rebuild", p.log},
          {"archive", p.log, p.file("archive")}};
}

/// Of verbs that would not do it anyhow.
std::vector<words> refused_changers(const place& p) {
  return {{"trim", p.log, "--before", "1000"}, {"truncate", p.log, "--after", "1000"}};
}

std::string text_of(const words& w) {
  std::string all;
  for (const auto& each : w) all += each + ' ';
  return all;
}

}  // namespace

TEST_CASE("a verb that reads changes nothing, whatever state the log is in", "[tool][recovery][G8]") {
  for (const state s : all_states) {
    const place p;
    make(p.log, s);
    const auto before = image_of(p.log);
    for (const auto& w : readers(p, p.directory.path().string())) {
      CAPTURE(static_cast<int>(s), text_of(w));
      const ran r = run(w);
      CAPTURE(r.out, r.err);
      CHECK((image_of(p.log) == before));
      if (w.front() == "stat" || w.front() == "retain") CHECK(r.exit_code == (would_cut(s) ? 1 : 0));
      if (w.front() == "verify") CHECK(r.exit_code == (s == state::closed ? 0 : 1));
    }
  }
}

TEST_CASE("a verb that writes never cuts: it answers 4, names what would go, and changes nothing", "[tool][recovery][G5]") {
  for (const state s : all_states) {
    if (!would_cut(s)) continue;
    const place p;
    make(p.log, s);
    const auto before = image_of(p.log);
    auto all = changers(p);
    for (const auto& w : refused_changers(p)) all.push_back(w);
    for (const auto& w : all) {
      CAPTURE(static_cast<int>(s), text_of(w));
      const ran r = run(w);
      CAPTURE(r.out, r.err);
      CHECK(r.exit_code == 4);
      CHECK(r.out.empty());
      CHECK_THAT(r.err, Catch::Contains("un varve recover first"));
      const ran in_json = run(with_json(w));
      CHECK(in_json.exit_code == 4);
      CHECK(in_json.error().at("sequences").at("first") > 16);
      CHECK(in_json.error().at("sequences").at("last") >= unfinished);
      if (is_torn(s)) {
        CHECK(in_json.error().at("code") == "would_cut");
        CHECK(in_json.error().at("cut_records") == 2);
        CHECK(in_json.error().at("cut_bytes") > 20'000);
        CHECK_THAT(r.err, Catch::Contains("would cut 2 records") && Catch::Contains("sequences 19 to 20"));
      }
      CHECK((image_of(p.log) == before));
      CHECK_FALSE(fs::exists(p.file("archive")));
    }
  }
}

TEST_CASE("after the death of a process a verb that writes recovers the log, and says what it stepped over",
          "[tool][recovery][G3]") {
  const place names;
  const std::size_t verbs = changers(names).size() + refused_changers(names).size();
  for (std::size_t i = 0; i < verbs; ++i) {
    for (const bool json : {false, true}) {
      const place p;
      make(p.log, state::dead);
      auto all = changers(p);
      const std::size_t willing = all.size();
      for (const auto& w : refused_changers(p)) all.push_back(w);
      CAPTURE(text_of(all[i]), json);
      const ran r = run(json ? with_json(all[i]) : all[i]);
      CAPTURE(r.out, r.err);
      CHECK(r.exit_code == (i < willing ? 0 : 1));
      if (json) {
        const nlohmann::json report = i < willing ? r.json() : r.error();
        CHECK(report.at("recovery").at("stepped_over") == 1);
        CHECK(report.at("recovery").at("closed") == false);
        CHECK(report.at("recovery").at("cut_bytes") == 0);
        CHECK(report.at("recovery").at("findings").at(0).at("sequences").at("first") == unfinished);
      } else {
        CHECK_THAT(r.err, Catch::Contains("recovered the log: 1 unfinished appends stepped over (sequence 19)"));
      }
      CHECK(run({"stat", p.log, "--json"}).json().at("next_open").at("found") == "closed");
    }
  }
}

TEST_CASE("of a log that was closed there is nothing to say", "[tool][recovery]") {
  const place names;
  for (std::size_t i = 0; i < changers(names).size(); ++i) {
    const place p;
    make(p.log, state::closed);
    CAPTURE(text_of(changers(p)[i]));
    CHECK(run(changers(p)[i]).err.empty());
    const ran again = run(with_json(changers(p)[i]));
    CHECK(again.json().at("recovery").at("stepped_over") == 0);
    CHECK(again.json().at("recovery").at("indexes_rebuilt") == 0);
  }
}

TEST_CASE("append and recover cut a torn end, and say so; then the other verbs go on", "[tool][recovery][G5]") {
  for (const bool by_append : {true, false}) {
    for (const bool json : {false, true}) {
      const place p;
      make(p.log, state::torn);
      CAPTURE(by_append, json);
      const words w = by_append ? words{"append", p.log} : words{"recover", p.log};
      const ran r = run(json ? with_json(w) : w);
      CAPTURE(r.out, r.err);
      CHECK(r.exit_code == 0);
      if (json) {
        CHECK(r.json().at("recovery").at("cut_records") == 2);
        CHECK(r.json().at("recovery").at("findings").at(0).at("kind") == "cut");
      } else if (by_append) {
        CHECK_THAT(r.err, Catch::Contains("2 records (") && Catch::Contains("cut (sequences 19 to 20)"));
      } else {
        CHECK_THAT(r.out, Catch::Contains("(2 records) cut"));
      }
      CHECK(run({"stat", p.log}).exit_code == 0);
      for (const auto& each : changers(p)) {
        CAPTURE(text_of(each));
        CHECK(run(each).exit_code == 0);
      }
    }
  }
}

TEST_CASE("damage: all that write answer 4 and change nothing", "[tool][recovery][G5]") {
  const place p;
  make(p.log, state::dead);
  flip_payload_bit(p.log, 16);  // in a segment that is not sealed yet
  const auto before = image_of(p.log);
  auto all = changers(p);
  all.push_back({"append", p.log});
  all.push_back({"recover", p.log});
  for (const auto& w : all) {
    CAPTURE(text_of(w));
    const ran r = run(w);
    CHECK(r.exit_code == 4);
    CHECK_FALSE(r.err.empty());
    CHECK((image_of(p.log) == before));
  }
  const ran stat = run({"stat", p.log});
  CHECK(stat.exit_code == 1);
  CHECK(stat.out.starts_with("the log is damaged, and the next open refuses it"));
  CHECK(run({"retain", p.log, "--max-segments", "2", "--dry-run"}).exit_code == 1);
}

TEST_CASE("stat says first that the next open would cut", "[tool][recovery]") {
  const place p;
  make(p.log, state::torn);
  const ran r = run({"stat", p.log});
  CHECK(r.exit_code == 1);
  CHECK(r.out.starts_with("the next open would cut 2 records ("));
  CHECK_THAT(r.out, Catch::Contains("bytes), sequences 19 to 20; varve recover does it"));
  const nlohmann::json j = run({"stat", p.log, "--json"}).json();
  CHECK(j.at("would_cut") == true);
  CHECK(j.at("refuses") == false);
  CHECK(j.at("next_open").at("cut").at("first") == 19);
  CHECK(j.at("next_open").at("cut").at("last") == 20);
  const ran plan = run({"retain", p.log, "--max-segments", "2", "--dry-run", "--json"});
  CHECK(plan.json().at("would_refuse") == true);
  CHECK(plan.json().at("recovery") == nullptr);
}

TEST_CASE("verbs that read work beside a writer, for a user who may not write", "[tool][view][G8]") {
  const bool living = GENERATE(true, false);
  CAPTURE(living);
  const place p;
  running_tool append({"append", p.log});
  append.write(numbered_lines(10));
  REQUIRE(comes_true([&p] {
    const ran r = run({"stat", p.log, "--json"});
    return r.exit_code == 0 && r.json().at("published") == 10;
  }));
  if (!living) {
    append.close_input();
    CHECK(append.wait().exit_code == 0);
  }
  constexpr ::uid_t nobody = 65'534;
  const bool root = ::geteuid() == 0;
  const auto give = [&](const fs::path& path, ::mode_t mode) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    if (root) REQUIRE(::chown(path.c_str(), nobody, nobody) == 0);
  };
  const auto out = p.file("out");
  fs::create_directory(out);
  give(out, 0700);
  for (const auto& entry : fs::directory_iterator{p.log}) give(entry.path(), 0400);
  give(p.log, 0500);
  give(p.directory.path(), 0700);
  for (const auto& w : readers(p, out)) {
    CAPTURE(text_of(w));
    child_process child{[&] {
      if (root && (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
                   ::setresuid(nobody, nobody, nobody) != 0))
        return 99;
      const ran r = run(w);
      if (r.exit_code != 0) std::fputs((text_of(w) + r.out + r.err).c_str(), stderr);
      return r.exit_code;
    }};
    child.wait();
    CHECK(child.exited_with(0));
  }
  for (const auto& entry : fs::directory_iterator{p.log}) give(entry.path(), 0600);  // for whoever removes it
  give(p.log, 0700);
}
