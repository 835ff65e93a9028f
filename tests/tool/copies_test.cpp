// SPDX-License-Identifier: MIT
//
// All verbs that make a log out of another one keep everything: copy, salvage, backup, archive and expand.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"
#include "support/log_picture.hpp"
#include "support/random_log.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

namespace fs = std::filesystem;

/// The picture of what a verb makes of the log.
log_picture made_by(const std::string& verb, const fs::path& log, const fs::path& to) {
  const ran r = run({verb, log, to});
  INFO(verb << " answers " << r.exit_code << ": " << r.err << r.out);
  REQUIRE(r.exit_code == 0);
  CHECK(run({"verify", to}).exit_code == 0);
  return picture_of(to);
}

/// What the random logs had, so that it is known that they had all of it.
struct tally {
  std::uint64_t cut_batches = 0, cut_entries = 0, abandoned = 0, not_recovered = 0;

  void add(const fs::path& log) {
    const auto view = *varve::log_view::open(log);
    abandoned += view.published_sequence().value + 1 - view.first_sequence().value;
    std::uint64_t epoch = 0;
    bool goes_on = false, is_chunk = false;
    for (const auto& r : view.records()) {
      --abandoned;
      if (goes_on && r->epoch() != epoch) ++(is_chunk ? cut_entries : cut_batches);
      epoch = r->epoch();
      goes_on = r->batch_goes_on();
      is_chunk = r->is_chunk();
    }
    if (run({"stat", log, "--json"}).json().at("next_open").at("stepped_over") != 0) ++not_recovered;
  }
};

/// Only what is sealed is archived; and archive opens the log, which recovers it.
void check_archive(const fs::path& log, const fs::path& archive, const fs::path& to, const log_picture& should) {
  const ran archived = run({"archive", log, archive, "--compress", "1", "--json"});
  INFO(archived.err);
  REQUIRE(archived.exit_code == 0);
  REQUIRE(difference(picture_of(log), should) == "");
  if (archived.json().at("segments") == 0) return;
  REQUIRE(run({"expand", archive, to}).exit_code == 0);
  const log_picture expanded = picture_of(to);
  CHECK(expanded.next == archived.json().at("archived").get<std::uint64_t>() + 1);
  // An archive keeps whole segments, and so what was trimmed in the first one.
  REQUIRE(expanded.first <= should.first);
  const std::uint64_t end = std::max(expanded.next, should.first);
  REQUIRE(difference(expanded.part(should.first, end), should.part(should.first, end)) == "");
}

}  // namespace

TEST_CASE("copy, salvage, backup, archive and expand keep all that there is to know of a log", "[tool][copy][property]") {
  const std::uint64_t cases = number_from_environment("VARVE_CASES", 40);
  const std::uint64_t seed = number_from_environment("VARVE_SEED", 1);
  tally had;
  for (std::uint64_t i = 0; i < cases; ++i) {
    INFO("VARVE_CASES=1 VARVE_SEED=" << seed + i);
    const fast_dir dir;
    const fs::path log = dir.path() / "log";
    random_log{log, seed + i}.make();
    had.add(log);
    const auto before = snapshot(log);
    const log_picture should = picture_of(log);
    for (const std::string verb : {"copy", "salvage", "backup"}) {
      INFO(verb);
      REQUIRE(difference(made_by(verb, log, dir.path() / verb), should) == "");
    }
    REQUIRE((snapshot(log) == before));
    check_archive(log, dir.path() / "archive", dir.path() / "expanded", should);
  }
  if (cases < 40) return;
  CHECK(had.cut_batches != 0);
  CHECK(had.cut_entries != 0);
  CHECK(had.abandoned != 0);
  CHECK(had.not_recovered != 0);
}

TEST_CASE("a batch or entry that was truncated in the middle, or trimmed, stays what it is in a copy", "[tool][copy]") {
  const place p;
  {
    varve::append_options five, six, seven;
    five.type = 5;
    five.time = varve::record_time{std::chrono::nanoseconds{1000}};
    six.type = 6;
    seven.type = 7;
    seven.time = varve::record_time{std::chrono::nanoseconds{2000}};
    auto l = *varve::log::open(p.log, {.segment_bytes = 65'536, .record_times = true});
    const std::string_view batch[] = {"b1", "b2", "b3"};
    REQUIRE(l.append_batch(batch, five).has_value());
    REQUIRE(l.truncate_after({2}).has_value());
    REQUIRE(l.append("after", seven).has_value());
    auto e = *l.begin_entry(six);
    for (const char* chunk : {"c1", "c2", "c3"}) REQUIRE(e.write_chunk(chunk).has_value());
    REQUIRE(e.publish().has_value());
    REQUIRE(l.truncate_after({5}).has_value());
    REQUIRE(l.append_batch(batch, seven).has_value());
    REQUIRE(l.truncate_after({7}).has_value());  // and nothing after it
    REQUIRE(l.trim_before({2}).has_value());
    REQUIRE(l.close().has_value());
  }
  const log_picture should = picture_of(p.log);
  REQUIRE(should.records.size() == 6);
  CHECK(should.records[0] == pictured_record{2, 5, 1000, false, true, "b2"});
  CHECK(should.records[1] == pictured_record{3, 7, 2000, false, false, "after"});
  for (const std::string verb : {"copy", "salvage", "backup"})
    CHECK(difference(made_by(verb, p.log, p.file(verb)), should) == "");
}
