// SPDX-License-Identifier: MIT
//
// stat: of logs that are new, written, dead, damaged.

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

nlohmann::json stat_of(const std::string& log) {
  const ran r = run({"stat", log, "--json"});
  CHECK(r.exit_code == 0);
  return r.json();
}

std::set<std::string> keys_of(const nlohmann::json& object) {
  std::set<std::string> keys;
  for (const auto& item : object.items()) keys.insert(item.key());
  return keys;
}

}  // namespace

TEST_CASE("stat of a log that was closed", "[tool]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "128K", "--checksum", "crc32c"}).exit_code == 0);
  nlohmann::json s = stat_of(p.log);
  CHECK(s.at("kept") == 0);
  CHECK(s.at("epoch") == 1);
  REQUIRE(run({"append", p.log}, numbered_lines(5000)).exit_code == 0);
  s = stat_of(p.log);
  CHECK(s.at("first") == 1);
  CHECK(s.at("durable") == 5000);
  CHECK(s.at("published") == 5000);
  CHECK(s.at("kept") == 5000);
  CHECK(s.at("epoch") == 2);
  CHECK(s.at("checkpointed") == 0);
  CHECK(s.at("archived") == 0);
  CHECK(s.at("segments").at("sealed") == 1);
  CHECK(s.at("segments").at("active") == 1);
  CHECK(s.at("segment_bytes") == 128 * 1024);
  CHECK(s.at("checksum") == "crc32c");
  CHECK(s.at("index_stride_bytes") == 2048);
  CHECK(s.at("used_bytes") > 5000 * 32);
  CHECK(s.at("allocated_bytes") >= s.at("used_bytes"));
  CHECK(s.at("writer") == "nobody");
  CHECK(s.at("process") == nullptr);
  CHECK(s.at("oldest_unfinished") == nullptr);
  CHECK(s.at("last_open").at("found") == "closed");
  CHECK(s.at("next_open").at("found") == "closed");
  CHECK(s.at("next_open").at("kept") == 5000);
  CHECK(s.at("refuses") == false);

  const std::string text = run({"stat", p.log}).out;
  CHECK(text.find("5,000 (1 to 5000), durable to 5000\n") != std::string::npos);
  CHECK(text.find("checkpointed nothing, archived nothing\n") != std::string::npos);
  CHECK(text.find("nobody\n") != std::string::npos);
  CHECK(text.find("segments of 128 KiB, checksum crc32c, an index entry each 2 KiB\n") != std::string::npos);
}

TEST_CASE("stat beside a writer, and when it has been killed", "[tool][G1][G8]") {
  const place p;
  running_tool append({"append", p.log});
  append.write(numbered_lines(3));
  REQUIRE(comes_true([&p] {
    const ran r = run({"stat", p.log, "--json"});
    return r.exit_code == 0 && r.json().at("published") == 3;
  }));
  const nlohmann::json living = stat_of(p.log);
  CHECK(living.at("writer") == "appending");
  CHECK(living.at("process") > 1);
  CHECK(living.at("next_open") == nullptr);
  CHECK(run({"stat", p.log}).out.find("process " + living.at("process").dump() + "\n") != std::string::npos);
  append.send(SIGKILL);
  CHECK(append.wait().exit_code == 137);

  const auto before = snapshot(p.log);
  const nlohmann::json dead = stat_of(p.log);
  CHECK((snapshot(p.log) == before));
  CHECK(dead.at("writer") == "nobody");
  CHECK(dead.at("process") == living.at("process"));
  CHECK(dead.at("next_open").at("found") == "death");
  CHECK(dead.at("next_open").at("kept") == 3);
  CHECK(run({"stat", p.log}).out.find("has ended without closing the log") != std::string::npos);

  REQUIRE(run({"append", p.log}, "more\n").exit_code == 0);
  const nlohmann::json after = stat_of(p.log);
  CHECK(after.at("last_open").at("found") == "death");
  CHECK(after.at("last_open").at("kept") == 3);
  CHECK(after.at("next_open").at("found") == "closed");
}

TEST_CASE("stat names the claim that holds up the readers of a living writer", "[tool][G3]") {
  const place p;
  running_tool append({"append", p.log});
  append.write("one\ntwo\nthree\n");
  REQUIRE(comes_true([&p] { return run({"tail", p.log, "-n1"}).out == "three\n"; }));
  const auto place = place_of(p.log, 2);
  clear_stamp(p.log, 2);  // as a thread that is stopped leaves it
  const nlohmann::json claim = stat_of(p.log).at("oldest_unfinished");
  REQUIRE(claim.is_object());
  CHECK(claim.at("sequence") == 2);
  CHECK(claim.at("segment") == place.segment);
  CHECK(claim.at("offset") == place.offset);
  CHECK(claim.at("finished_behind") == 1);
  CHECK(run({"stat", p.log}).out.find("sequence 2, segment " + std::to_string(place.segment) + ", offset ") !=
        std::string::npos);
  append.send(SIGKILL);
  static_cast<void>(append.wait());
  CHECK(stat_of(p.log).at("next_open").at("stepped_over") == 1);
}

TEST_CASE("stat of a damaged log answers 1, and says that it will not open", "[tool][G5]") {
  const place p;
  die_after(p.log, "abc", 3);
  flip_payload_bit(p.log, 2);
  const ran r = run({"stat", p.log, "--json"});
  CHECK(r.exit_code == 1);
  CHECK(r.json().at("refuses") == true);
  CHECK(r.json().at("next_open") == nullptr);
  CHECK(run({"stat", p.log}).out.find("the log is damaged, and the next open refuses it; varve verify names the places") !=
        std::string::npos);
  CHECK(run({"append", p.log}, "more\n").exit_code == 4);
}

TEST_CASE("the keys of stat are those that docs/tool.md lists", "[tool]") {
  using keys = std::set<std::string>;
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(3)).exit_code == 0);
  const nlohmann::json s = stat_of(p.log);
  CHECK(keys_of(s) == keys{"directory",       "first",         "durable",  "published",          "kept",
                           "checkpointed",    "archived",      "epoch",    "segments",           "used_bytes",
                           "allocated_bytes", "segment_bytes", "checksum", "index_stride_bytes", "record_times",
                           "writer",          "process",       "held_by",  "set_aside",          "oldest_unfinished",
                           "last_open",       "next_open",     "refuses",  "would_cut"});
  CHECK(keys_of(s.at("segments")) == keys{"prepared", "active", "ended", "sealed", "damaged", "dropped"});
  CHECK(keys_of(s.at("last_open")) == keys{"found", "kept", "stepped_over", "cut_bytes", "cut_records", "cut"});
  CHECK(keys_of(s.at("next_open")) == keys_of(s.at("last_open")));
}
