// SPDX-License-Identifier: MIT
//
// Damage, seen from the shell: verify names it and answers 1; verbs that would have to hand it out answer 4.

#include <cstdint>
#include <filesystem>
#include <string>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

struct damaged_log : place {
  std::uint64_t payload_offset = 0;

  damaged_log() {
    REQUIRE(run({"append", log}, numbered_lines(10)).exit_code == 0);
    payload_offset = flip_bit_of(log, "line 7");
  }
};

}  // namespace

TEST_CASE("a flipped payload bit: verify finds it, changes nothing, and answers 1", "[tool][G5][G8]") {
  const damaged_log p;
  const auto before = snapshot(p.log);
  const ran verify = run({"verify", p.log, "--json"});
  CHECK(verify.exit_code == 1);
  const nlohmann::json report = verify.json();
  CHECK(report.at("whole") == false);
  REQUIRE(report.at("findings").size() == 1);
  const nlohmann::json& finding = report.at("findings").at(0);
  CHECK(finding.at("row").get<std::string>().size() == 1);
  CHECK(finding.at("segment").get<std::uint64_t>() > 0);
  CHECK(finding.at("offset").get<std::uint64_t>() == p.payload_offset - 24);  // of the frame
  CHECK(finding.at("sequences").at("first") == 7);

  CHECK(run({"verify", p.log, "--json", "--threads", "4"}).out == verify.out);
  CHECK(run({"verify", p.log, "--threads", "65"}).exit_code == 2);
  const ran text = run({"verify", p.log});
  CHECK(text.exit_code == 1);
  CHECK(text.out.find("damage: this had been synced and is not valid") == 0);
  CHECK((snapshot(p.log) == before));
}

TEST_CASE("a flipped payload bit: get and cat answer 4 at that record, and cat prints what is before it", "[tool][G5]") {
  const damaged_log p;
  const ran get = run({"get", p.log, "7", "--json"});
  CHECK(get.exit_code == 4);
  CHECK(get.out.empty());
  CHECK(get.error().at("code") == "damaged");
  CHECK(get.error().at("segment").get<std::uint64_t>() > 0);
  CHECK(get.error().at("offset").get<std::uint64_t>() == p.payload_offset - 24);
  CHECK(get.error().at("sequences").at("first") == 7);

  const ran cat = run({"cat", p.log});
  CHECK(cat.exit_code == 4);
  CHECK(cat.out == numbered_lines(6));
  CHECK_FALSE(cat.err.empty());
  CHECK(run({"cat", p.log, "--to", "6"}).exit_code == 0);
  CHECK(run({"cat", p.log, "--from", "7"}).exit_code == 4);
}

TEST_CASE("the records around a damaged one are read as ever", "[tool][G5]") {
  const damaged_log p;
  CHECK(run({"get", p.log, "6"}).out == "line 6\n");
  CHECK(run({"get", p.log, "8"}).out == "line 8\n");
  CHECK(run({"cat", p.log, "--from", "8"}).out == "line 8\nline 9\nline 10\n");
}

TEST_CASE("a damaged activation: append answers 4 and changes no byte", "[tool][G5]") {
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(10)).exit_code == 0);
  std::filesystem::path segment;
  for (const auto& entry : std::filesystem::directory_iterator(p.log)) {
    // Prepared files are gone or hold no records; the one with a record in it is the segment.
    if (entry.path().extension() == ".seg" && (segment.empty() || entry.path() < segment)) segment = entry.path();
  }
  flip_bit_at(segment, 512 + 16);  // the second sector
  const auto before = snapshot(p.log);
  const ran append = run({"append", p.log, "--json"}, "more\n");
  CHECK(append.exit_code == 4);
  CHECK(append.error().at("code") == "damaged");
  CHECK(append.error().at("message").get<std::string>().size() > 10);
  CHECK((snapshot(p.log) == before));
  // The records are whole, and reading needs no more of that sector than its neighbours say.
  const ran cat = run({"cat", p.log});
  CHECK(cat.exit_code == 0);
  CHECK(cat.out == numbered_lines(10));
  CHECK((snapshot(p.log) == before));
  CHECK(run({"verify", p.log}).exit_code != 0);
}
