// SPDX-License-Identifier: MIT
//
// copy, salvage, recover and index: new logs out of old ones, and old ones put right.
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

/// A dozen segments, a batch among the records, and a type.
void fill(const place& p) {
  std::string lines;
  for (int i = 1; i <= 150; ++i) lines += std::to_string(i) + std::string(4000, '.') + '\n';
  REQUIRE(run({"create", p.log, "--segment-size", "64KiB"}).exit_code == 0);
  REQUIRE(run({"append", p.log}, lines).exit_code == 0);
  REQUIRE(run({"append", p.log, "--batch", "4", "--type", "7"}, "a\nb\nc\nd\n").exit_code == 0);
}

std::string records_of(const std::string& log) { return run({"cat", log, "--format", "length-prefixed"}).out; }

}  // namespace

TEST_CASE("copy rewrites a log with other settings, record for record", "[tool][copy]") {
  const place p;
  fill(p);
  const auto before = snapshot(p.log);
  const std::string copy = p.file("copy");
  const ran r =
      run({"copy", p.log, copy, "--segment-size", "1MiB", "--checksum", "crc32c", "--index-stride", "4KiB", "--json"});
  REQUIRE(r.exit_code == 0);
  CHECK(r.json().at("records") == 154);
  CHECK(r.json().at("abandoned") == 0);
  CHECK(r.json().at("published") == 154);
  CHECK((snapshot(p.log) == before));
  CHECK(records_of(copy) == records_of(p.log));
  CHECK(run({"verify", copy}).exit_code == 0);
  const nlohmann::json made = run({"stat", copy, "--json"}).json();
  CHECK(made.at("segment_bytes") == 1024 * 1024);
  CHECK(made.at("checksum") == "crc32c");
  CHECK(made.at("index_stride_bytes") == 4096);

  const auto made_before = snapshot(copy);
  const ran again = run({"copy", p.log, copy, "--json"});
  CHECK(again.exit_code == 3);
  CHECK(again.error().at("code") == "exists");
  CHECK((snapshot(copy) == made_before));
  CHECK(run({"copy", p.log + "x", p.file("other")}).exit_code == 3);
  CHECK_FALSE(std::filesystem::exists(p.file("other")));
}

TEST_CASE("a copy, or what is salvaged, is removed when a signal ends that", "[tool][copy][salvage]") {
  const place p;
  REQUIRE(run({"append", p.log, "--batch", "100"}, numbered_lines(300'000)).exit_code == 0);
  for (const char* verb : {"copy", "salvage"}) {
    CAPTURE(verb);
    const std::string to = p.file(verb);
    running_tool tool({verb, p.log, to, "--json"});
    REQUIRE(comes_true([&] { return std::filesystem::exists(to); }));
    tool.send(SIGTERM);
    const ran ended = tool.wait();
    if (ended.exit_code == 0) continue;  // it was faster
    CHECK(ended.exit_code == 128 + SIGTERM);
    CHECK(ended.error().at("code") == "signal");
    CHECK_FALSE(std::filesystem::exists(to));
  }
}

TEST_CASE("indexes that are made anew have the mode of the log's other files", "[tool][index]") {
  const place p;
  auto l = varve::log::open(p.log, {.segment_bytes = 64 * 1024, .file_mode = 0640});
  REQUIRE(l);
  for (int i = 0; i < 40; ++i) REQUIRE(l->append(std::string(4000, 'x')).has_value());
  REQUIRE(l->close().has_value());
  const auto mode = std::filesystem::status(p.log + "/varve.meta").permissions();
  REQUIRE(run({"index", "rebuild", p.log}).exit_code == 0);
  for (const auto& file : std::filesystem::directory_iterator(p.log)) CHECK((file.status().permissions() == mode));
}

TEST_CASE("a copy of damaged records is refused, and nothing is left of it; salvage takes the rest",
          "[tool][copy][salvage]") {
  const place p;
  fill(p);
  flip_payload_bit(p.log, 77);
  std::filesystem::remove(segment_path(p.log, segment_numbers(p.log).at(2)));
  const ran refused = run({"copy", p.log, p.file("copy")});
  CHECK(refused.exit_code == 4);
  CHECK_FALSE(std::filesystem::exists(p.file("copy")));

  const ran r = run({"salvage", p.log, p.file("saved"), "--json"});
  CHECK(r.exit_code == 1);
  const nlohmann::json report = r.json();
  REQUIRE(report.at("gaps").size() == 2);
  const auto& gone = report.at("gaps").at(0).at("sequences");
  const std::uint64_t missing = gone.at("last").get<std::uint64_t>() - gone.at("first").get<std::uint64_t>() + 1;
  CHECK(report.at("gaps").at(1).at("sequences").at("first") == 77);
  CHECK(report.at("missing") == missing + 1);
  CHECK(report.at("records") == 154 - missing - 1);
  CHECK(run({"verify", p.file("saved")}).exit_code == 0);
  CHECK(run({"get", p.file("saved"), "77", "--json"}).error().at("code") == "damaged");
  CHECK(run({"get", p.file("saved"), "78"}).out == "78" + std::string(4000, '.') + "\n");
  CHECK(run({"get", p.file("saved"), "154"}).out == "d\n");
  CHECK(run({"salvage", p.log, p.file("saved")}).exit_code == 3);
  CHECK_THAT(run({"salvage", p.log, p.file("more")}).out, Catch::Contains("sequences are missing, in 2 gaps"));
  CHECK(run({"verify", p.file("saved"), "--json"}).json().at("lost").size() == 2);
  CHECK(run({"copy", p.file("saved"), p.file("copied")}).exit_code == 0);
  CHECK(run({"verify", p.file("copied"), "--json"}).json().at("lost").size() == 2);
}

TEST_CASE("chunks of entries are told apart, and stay what they are in a copy and when they are salvaged",
          "[tool][copy][salvage][entry]") {
  const place p;
  {
    auto l = *varve::log::open(p.log);
    REQUIRE(l.append("before").has_value());
    for (const int chunks : {3, 1}) {
      auto e = *l.begin_entry({.type = 7});
      for (int i = 0; i < chunks; ++i) REQUIRE(e.write_chunk(std::string(10, static_cast<char>('a' + i))).has_value());
      REQUIRE(e.publish().has_value());
    }
    const std::string_view batch[] = {"x", "y"};
    REQUIRE(l.append_batch(batch).has_value());
  }
  const auto is_chunk = [](const std::string& log, std::uint64_t sequence) {
    const auto shown = run({"get", log, std::to_string(sequence), "--json"}).json();
    return shown.contains("chunk") && shown.at("chunk") == true;
  };
  REQUIRE(run({"copy", p.log, p.file("copy")}).exit_code == 0);
  REQUIRE(run({"salvage", p.log, p.file("saved")}).exit_code == 0);
  for (const auto& log : {p.log, p.file("copy"), p.file("saved")}) {
    for (std::uint64_t s = 1; s <= 7; ++s) CHECK(is_chunk(log, s) == (s >= 2 && s <= 5));
    CHECK(records_of(log) == records_of(p.log));
    const auto l = *varve::log_view::open(log);
    std::string ends;
    for (const auto& r : l.records()) ends += r->batch_goes_on() ? '+' : '.';
    CHECK(ends == ".++..+.");
    CHECK(l.read({4})->type() == 7);
  }
  CHECK_THAT(run({"cat", p.log, "--json"}).out, Catch::Contains("\"chunk\":true"));
  CHECK_FALSE(run({"get", p.log, "1", "--json"}).json().contains("chunk"));

  // Of an entry with a gap there is what stands on both sides of it.
  flip_payload_bit(p.log, 3);
  REQUIRE(run({"salvage", p.log, p.file("part")}).exit_code == 1);
  CHECK(is_chunk(p.file("part"), 2));
  CHECK(is_chunk(p.file("part"), 4));
  CHECK_FALSE(is_chunk(p.file("part"), 6));
}

TEST_CASE("a copy keeps the sequences of a log that was trimmed", "[tool][copy][trim]") {
  const place p;
  fill(p);
  REQUIRE(run({"trim", p.log, "--before", "100"}).exit_code == 0);
  REQUIRE(run({"copy", p.log, p.file("copy")}).exit_code == 0);
  CHECK(run({"get", p.file("copy"), "99", "--json"}).error().at("code") == "trimmed");
  CHECK(records_of(p.file("copy")) == records_of(p.log));
}

TEST_CASE("recover says what an open found, and before that what it would", "[tool][recovery]") {
  const place p;
  die_after(p.log, "abcdefgh", 1);
  for (const std::uint64_t s : {3U, 4U}) clear_stamp(p.log, s);
  const auto before = snapshot(p.log);
  const nlohmann::json foretold = run({"recover", p.log, "--dry-run", "--json"}).json();
  CHECK((snapshot(p.log) == before));
  const ran r = run({"recover", p.log, "--json", "--verify", "--threads", "2"});
  CHECK(r.exit_code == 0);
  const nlohmann::json done = r.json();
  CHECK(done.at("stepped_over") == 2);
  CHECK(done.at("kept") == 8);
  CHECK(done.at("findings") == foretold.at("findings"));
  CHECK_THAT(run({"recover", p.log}).out, Catch::Contains("the log had been closed"));
  CHECK(run({"recover", p.log + "x"}).exit_code == 3);
  CHECK(run({"recover", p.log, "--mode", "other"}).exit_code == 2);
}

TEST_CASE("recover refuses what it is told to refuse", "[tool][recovery]") {
  const place p;
  die_after(p.log, "abcdefgh", 1);
  clear_stamp(p.log, 3);
  make_power_loss(p.log);
  CHECK(run({"recover", p.log, "--mode", "strict"}).exit_code == 4);
  CHECK(run({"recover", p.log}).exit_code == 0);
  flip_payload_bit(p.log, 1);
  CHECK(run({"recover", p.log}).exit_code == 0);
  CHECK(run({"recover", p.log, "--dry-run"}).exit_code == 1);
  CHECK(run({"recover", p.log, "--verify"}).exit_code == 4);
}

TEST_CASE("index rebuild makes every index anew, and changes nothing else", "[tool][index]") {
  const place p;
  fill(p);
  const auto numbers = segment_numbers(p.log);
  const auto index = std::filesystem::path{segment_path(p.log, numbers.at(3))}.replace_extension(".idx");
  const auto as_it_was = read_file(index);
  patch(index, 4096, byte_vector(8 * 16));
  const ran r = run({"index", "rebuild", p.log, "--json"});
  REQUIRE(r.exit_code == 0);
  CHECK(r.json().at("segments") == numbers.size());
  CHECK((read_file(index) == as_it_was));
  CHECK(run({"verify", p.log}).exit_code == 0);
  CHECK(run({"index", "rebuild", p.log + "x"}).exit_code == 3);
  CHECK(run({"index", "other", p.log}).exit_code == 2);
}

TEST_CASE("stat says who holds a segment", "[tool][stat]") {
  const place p;
  fill(p);
  CHECK(run({"stat", p.log, "--json"}).json().at("held_by").empty());
  running_tool follower({"tail", p.log, "-f", "-n", "1"});
  CHECK(comes_true([&] { return !run({"stat", p.log, "--json"}).json().at("held_by").empty(); }));
  const nlohmann::json held = run({"stat", p.log, "--json"}).json().at("held_by").at(0);
  CHECK(held.at("segment").get<std::uint64_t>() >= 1);
  CHECK_THAT(run({"stat", p.log}).out,
             Catch::Contains("by process " + std::to_string(held.at("process").get<std::uint64_t>())));
}
