// SPDX-License-Identifier: MIT
//
// The matrix of tests/rescue on real files. Here the tool's verbs are tried as well, and the decoder in Python, which was
// made from docs/format.md alone, gives a second opinion on some.
//
// VARVE_RESCUE_FILES: how many cases all parts have together.
#include <stdio.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "rescue/matrix.hpp"
#include "support/catch.hpp"
#include "tool/tool_process.hpp"

namespace varve::testing::rescue {
namespace {

constexpr std::uint64_t parts = 2;

/// What the tool does when no code of its own fits would be a bug, and so would be a signal.
bool is_an_answer(int exit_code) { return exit_code >= 0 && exit_code <= 9 && exit_code != 2; }

/// A log that a verb has made of the scene's: what is in it was in the other one.
void check_made(const judge& j, const std::string& verb, const std::string& made) {
  const auto v = log_view::open(made);
  hold(v.has_value(), verb + " has made what does not open");
  const auto& ever = j.of().past->ever;
  for (const auto& [s, a] : read_all(*v).of) {
    if (!a.record) continue;
    const auto known = ever.find(s);
    const auto same = [&](const written& w) { return w.text == a.record->text && w.type == a.record->type; };
    hold(known != ever.end() && std::ranges::any_of(known->second, same), of_sequence(s) + verb + " makes it up");
  }
}

void try_tool(const judge& j) {
  const std::string dir = stage::path(j.of().directory);
  const auto before = stage::files_of(j.of().directory);
  for (const std::string verb : {"stat", "verify", "ls", "cat"}) {
    const auto r = run({verb, dir});
    hold(is_an_answer(r.exit_code), verb + " answers " + std::to_string(r.exit_code) + ": " + r.err);
  }
  const auto foretold = run({"recover", dir, "--accept-loss", "--dry-run"});
  hold(is_an_answer(foretold.exit_code), "recover --dry-run answers " + std::to_string(foretold.exit_code));
  for (const std::string verb : {"copy", "salvage", "backup"}) {
    const std::string to = stage::path("made-by-" + verb);
    const auto r = run({verb, dir, to});
    hold(is_an_answer(r.exit_code), verb + " answers " + std::to_string(r.exit_code) + ": " + r.err);
    if (std::filesystem::exists(to)) check_made(j, verb, to);
    hold(r.exit_code != 0 || std::filesystem::exists(to), verb + " says yes, and has made nothing");
    std::filesystem::remove_all(to);
  }
  hold(stage::files_of(j.of().directory) == before, "a verb of the tool that only reads has changed something");
}

/// What a program prints; nothing if it cannot be run.
std::string output_of(const std::string& command) {
  std::string all;
  std::FILE* const from = ::popen((command + " 2>/dev/null").c_str(), "re");
  if (from == nullptr) return all;
  std::array<char, 4096> bytes;
  while (const std::size_t n = std::fread(bytes.data(), 1, bytes.size(), from)) all.append(bytes.data(), n);
  static_cast<void>(::pclose(from));
  return all;
}

/// The decoder knows the format and no more: what it shows was there, and where it refuses nothing a view opens.
void ask_decoder(const judge& j) {
  const std::string dir = stage::path(j.of().directory);
  const auto said = output_of("python3 -B '" VARVE_SOURCE_DIR "/tests/decoder/decode.py' '" + dir + '\'');
  if (said.empty()) return;  // no python
  const auto all = nlohmann::json::parse(said);
  const auto v = log_view::open(dir);
  if (all.contains("refused")) return hold(!v.has_value(), "the decoder refuses what a view opens: " + said);
  hold(v.has_value(), "the decoder reads what no view opens");
  if (all.at("refuses").get<bool>() || !j.of().recipe.is_of_one_moment()) return;
  for (const auto& r : all.at("records")) {
    const auto s = r.at("sequence").get<std::uint64_t>();
    const auto mine = v->read({s});
    hold(mine.has_value(), of_sequence(s) + "the decoder has it, and a view has not");
    const bool is_same = !r.contains("text") || r.at("text").get<std::string>() == mine->text();
    hold(is_same, of_sequence(s) + "the decoder reads it otherwise");
  }
  hold(all.at("next").get<std::uint64_t>() == v->published_sequence().value + 1, "the decoder and a view end elsewhere");
}

void play(std::uint64_t part) {
  std::uint64_t number = 0;
  play_part(part, parts, number_from_environment("VARVE_RESCUE_FILES", 500), [&](const judge& j) {
    ++number;
    if (number % 3 == 0) try_tool(j);
    if (number % 6 == 1) ask_decoder(j);
  });
}

}  // namespace

TEST_CASE("rescue on real files, part 1 of 2: nothing is lost in silence", "[rescue][damage][G5]") { play(0); }
TEST_CASE("rescue on real files, part 2 of 2: nothing is lost in silence", "[rescue][damage][G5]") { play(1); }

}  // namespace varve::testing::rescue
