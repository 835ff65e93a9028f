// SPDX-License-Identifier: MIT
//
// archive and expand, append into an archive, and the reading verbs on archives.
#include <filesystem>
#include <string>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/log_picture.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

std::string long_lines(int count) {
  std::string all;
  for (int i = 1; i <= count; ++i) all += std::to_string(i) + std::string(4000, '.') + '\n';
  return all;
}

std::string first_lines(const std::string& all, std::uint64_t count) {
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) at = all.find('\n', at) + 1;
  return all.substr(0, at);
}

}  // namespace

TEST_CASE("archive keeps what is sealed; reading verbs read it, compressed or not", "[tool][archive]") {
  const place p;
  const std::string to = p.file("archive"), lines = long_lines(100);
  const bool compressed = GENERATE(false, true);
  REQUIRE(run({"create", p.log, "--segment-size", "64KiB"}).exit_code == 0);
  REQUIRE(run({"append", p.log}, lines).exit_code == 0);
  std::vector<std::string> command{"archive", p.log, to, "--json"};
  if (compressed) command.insert(command.end(), {"--compress", "3"});
  const ran r = run(command);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const nlohmann::json j = r.json();
  CHECK(j.at("to") == to);
  CHECK(j.at("segments") == 6);
  const std::uint64_t archived = j.at("archived");
  CHECK(archived == 90);
  CHECK(j.at("published") == 100);
  CHECK(run(command).json() == j);  // compared, and left alone

  CHECK(run({"cat", to}).out == first_lines(lines, archived));
  CHECK(run({"get", to, "7"}).out.substr(0, 2) == "7.");
  CHECK(run({"tail", to, "-n", "1", "--json"}).json().at("sequence") == archived);
  CHECK(run({"verify", to}).exit_code == 0);
  CHECK(run({"ls", to}).exit_code == 0);
  CHECK(run({"stat", to}).exit_code == 0);

  const ran expanded = run({"expand", to, p.file("expanded"), "--json"});
  REQUIRE(expanded.exit_code == 0);
  CHECK(expanded.json().at("next") == archived + 1);
  CHECK(run({"cat", p.file("expanded")}).out == first_lines(lines, archived));
  CHECK(run({"append", p.file("expanded")}, "more\n").exit_code == 0);
  const ran again = run({"expand", to, p.file("expanded"), "--json"});
  CHECK(again.exit_code == 3);
  CHECK(again.error().at("code") == "exists");
}

TEST_CASE("archive and expand say what to do as long as no segment is complete, and count one in the singular",
          "[tool][archive]") {
  const place p;
  const std::string to = p.file("archive");
  REQUIRE(run({"create", p.log, "--segment-size", "64KiB"}).exit_code == 0);
  REQUIRE(run({"append", p.log}, "one\n").exit_code == 0);
  const ran none = run({"archive", p.log, to});
  CHECK(none.exit_code == 0);
  CHECK(none.out == "nothing is in " + to + " yet: no segment of " + p.log +
                        ", which has 1 records, is complete; varve backup copies a log as it is\n");
  const ran expanded = run({"expand", to, p.file("expanded")});
  CHECK(expanded.exit_code == 3);
  CHECK(expanded.err ==
        "varve expand: " + to +
            ": there is no archive here, or nothing in it yet; the first segment that is complete makes one\n");
  REQUIRE(run({"append", p.log}, long_lines(20)).exit_code == 0);
  CHECK_THAT(run({"archive", p.log, to}).out, Catch::StartsWith("1 segment of " + p.log + " is in " + to));
  CHECK(run({"expand", to, p.file("expanded")}).exit_code == 0);
  CHECK_THAT(run({"backup", p.log, p.file("copy")}).out, Catch::Contains(": 2 segments, "));
}

TEST_CASE("append archives as it goes on", "[tool][archive]") {
  const place p;
  const std::string to = p.file("archive");
  REQUIRE(run({"create", p.log, "--segment-size", "64KiB"}).exit_code == 0);
  const ran r = run({"append", p.log, "--archive", to, "--compress", "1"}, long_lines(100));
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  REQUIRE(run({"archive", p.log, to, "--compress", "1"}).exit_code == 0);  // the rest
  CHECK(run({"verify", to}).exit_code == 0);
  CHECK(run({"get", to, "80"}).exit_code == 0);
  CHECK(run({"append", p.log, "--compress", "1"}, "x\n").exit_code == 2);
  CHECK(run({"append", p.log, "--archive", to, "--compress", "20"}, "x\n").exit_code == 2);
}

TEST_CASE("whatever writes refuses an archive, and an archive refuses another log, before anything is written",
          "[tool][archive][G5]") {
  const place p;
  const std::string to = p.file("archive"), other = p.file("other"), level = GENERATE("0", "1");
  REQUIRE(run({"create", p.log, "--segment-size", "64KiB"}).exit_code == 0);
  REQUIRE(run({"append", p.log}, long_lines(40)).exit_code == 0);
  std::vector<std::string> archive{"archive", p.log, to};
  if (level != "0") archive.insert(archive.end(), {"--compress", level});
  REQUIRE(run(archive).exit_code == 0);
  const auto before = snapshot(to);
  const std::vector<std::vector<std::string>> writers = {{"append", to},
                                                         {"recover", to},
                                                         {"trim", to, "--before", "5"},
                                                         {"truncate", to, "--after", "5"},
                                                         {"retain", to, "--max-bytes", "1", "--yes"},
                                                         {"index", "rebuild", to},
                                                         {"archive", to, p.file("x")}};
  for (auto writer : writers) {
    writer.emplace_back("--json");
    const ran r = run(writer, "more\n");
    INFO(writer[0] << ": " << r.out << r.err);
    CHECK(r.exit_code == 3);
    CHECK(r.error().at("code") == "is_archive");
    CHECK((snapshot(to) == before));
  }
  REQUIRE(run({"append", other}, "nothing of it is sealed\n").exit_code == 0);
  const auto other_before = snapshot(other);
  for (const std::string verb : {"archive", "append"}) {
    for (const std::string& log : {other, p.file("none")}) {
      std::vector<std::string> command{verb, log, "--json"};
      if (verb == "append") command.emplace_back("--archive");
      command.push_back(to);
      const ran r = run(command, "more\n");
      INFO(verb << ' ' << log << ": " << r.out << r.err);
      CHECK(r.exit_code == 3);
      CHECK((snapshot(to) == before));
      CHECK((snapshot(other) == other_before));
      CHECK(!std::filesystem::exists(p.file("none")));
      if (log == other)
        CHECK(r.error().at("message") ==
              to + ": this is the archive of another log than " + log + "; choose another directory");
    }
  }
  CHECK(run({"append", p.log, "--archive", to}, "more\n").exit_code == 0);
}

TEST_CASE("archive cuts nothing of a log that is torn", "[tool][archive][G5]") {
  const place p;
  die_after(p.log, "abcdefgh", 4);
  clear_stamp(p.log, 7);
  make_power_loss(p.log);
  const auto before = read_file(p.log + "/varve.state");
  const ran r = run({"archive", p.log, p.file("archive"), "--json"});
  CHECK(r.exit_code == 4);
  CHECK(r.error().at("code") == "would_cut");
  CHECK((read_file(p.log + "/varve.state") == before));
  CHECK(picture_of(p.log).records.size() == 6);
}

TEST_CASE("archive refuses what does not fit, and names what is damaged", "[tool][archive][G5]") {
  const place p;
  const std::string to = p.file("archive"), other = p.file("other");
  for (const auto& log : {p.log, other}) {
    REQUIRE(run({"create", log, "--segment-size", "64KiB"}).exit_code == 0);
    REQUIRE(run({"append", log}, long_lines(40)).exit_code == 0);
  }
  REQUIRE(run({"archive", p.log, to, "--compress", "1"}).exit_code == 0);
  const ran foreign = run({"archive", other, to, "--json"});
  CHECK(foreign.exit_code == 3);
  CHECK(foreign.error().at("code") == "not_a_log");
  CHECK(run({"archive", p.file("nothing"), p.file("x")}).exit_code == 3);
  CHECK(run({"archive", p.log, p.log}).exit_code == 3);
  const auto copy = segment_path(to, 1).string() + ".zst";
  flip_bit_at(copy, std::filesystem::file_size(copy) / 2);
  for (const std::string verb : {"cat", "verify"}) {
    const ran damaged = run({verb, to, "--json"});
    INFO(verb << ": " << damaged.err);
    CHECK(damaged.exit_code == 4);
    CHECK(damaged.error().at("segment") == 1);
  }
  CHECK(run({"expand", to, p.file("expanded")}).exit_code == 4);
  CHECK(!std::filesystem::exists(p.file("expanded")));
  REQUIRE(run({"archive", p.log, to, "--compress", "1"}).exit_code == 0);  // made anew
  CHECK(run({"verify", to}).exit_code == 0);
  // Another archive gets all that the log has.
  REQUIRE(run({"archive", p.log, p.file("second")}).exit_code == 0);
  CHECK(run({"cat", p.file("second")}).out == run({"cat", to}).out);
}
