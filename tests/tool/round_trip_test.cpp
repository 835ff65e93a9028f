// SPDX-License-Identifier: MIT
//
// What goes in by append comes out by cat and get, byte for byte.

#include <algorithm>
#include <string>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

// Every byte, and what is easily mistaken for UTF-8: overlong, a surrogate, beyond the last code point, cut short.
std::string all_bytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes +
         "\xC0\x80"
         "\xED\xA0\x80"
         "\xF4\x90\x80\x80"
         "\xE2\x82";
}

}  // namespace

TEST_CASE("lines come back in their order, and the log is created on the way", "[tool]") {
  const place p;
  const std::string lines = numbered_lines(1000);
  REQUIRE(run({"append", p.log}, lines).exit_code == 0);
  const ran cat = run({"cat", p.log});
  CHECK(cat.exit_code == 0);
  CHECK(cat.out == lines);
  CHECK(cat.err.empty());
}

TEST_CASE("the newline is no part of a record, a carriage return is, and a last line without newline counts", "[tool]") {
  const place p;
  REQUIRE(run({"append", p.log}, "one\r\n\nthree").exit_code == 0);
  CHECK(run({"get", p.log, "1", "--format", "raw"}).out == "one\r");
  CHECK(run({"get", p.log, "2", "--format", "raw"}).out.empty());
  CHECK(run({"get", p.log, "3", "--format", "raw"}).out == "three");
  CHECK(run({"get", p.log, "3"}).out == "three\n");
  CHECK(run({"get", p.log, "4"}).exit_code == 1);
}

TEST_CASE("lines that a block's end cuts, and lines longer than a block, come back whole", "[tool]") {
  const place p;
  std::string lines;
  for (std::size_t i = 0; i < 40; ++i) lines += std::string(100'000 + i, static_cast<char>('a' + i % 26)) + '\n';
  lines += std::string(3'500'000, 'L') + '\n' + "end";
  REQUIRE(run({"append", p.log}, lines).exit_code == 0);
  CHECK((run({"cat", p.log}).out == lines + '\n'));
}

TEST_CASE("whole makes one record of all the input, of none too", "[tool]") {
  const place p;
  const std::string input = all_bytes() + "\n\nmore\n";
  REQUIRE(run({"append", p.log, "--split", "whole"}, input).exit_code == 0);
  REQUIRE(run({"append", p.log, "--split", "whole"}, "").exit_code == 0);
  CHECK(run({"cat", p.log, "--format", "raw"}).out == input);
  CHECK(run({"get", p.log, "2", "--json"}).json().at("text") == "");
}

TEST_CASE("an input without lines appends nothing", "[tool]") {
  const place p;
  const ran append = run({"append", p.log, "--json"}, "");
  CHECK(append.exit_code == 0);
  CHECK(append.json().at("records") == 0);
  CHECK(append.json().at("sequences").is_null());
  CHECK(run({"cat", p.log}).exit_code == 0);
}

TEST_CASE("jsonl carries any bytes and the type, and goes back in", "[tool]") {
  const place p;
  const std::string copy = p.file("copy");
  REQUIRE(run({"append", p.log, "--split", "whole", "--type", "7"}, all_bytes()).exit_code == 0);
  for (std::size_t size = 0; size < 8; ++size) {
    REQUIRE(run({"append", p.log, "--split", "whole"}, std::string(size, '\xFF')).exit_code == 0);
  }
  REQUIRE(run({"append", p.log, "--type", "65535"}, "text \xE2\x82\xAC \"quoted\" \\ \x01\n").exit_code == 0);

  const std::string first = run({"cat", p.log, "--format", "jsonl"}).out;
  REQUIRE(run({"append", copy, "--split", "jsonl"}, first).exit_code == 0);
  const std::string second = run({"cat", copy, "--json"}).out;
  CHECK(run({"get", copy, "1", "--format", "raw"}).out == all_bytes());
  CHECK(run({"get", copy, "1", "--json"}).json().at("type") == 7);
  CHECK(run({"get", copy, "10", "--json"}).json().at("type") == 65535);
  CHECK(run({"get", copy, "10", "--json"}).json().at("text") == "text \xE2\x82\xAC \"quoted\" \\ \x01");

  // The epochs may differ: they belong to the log.
  const auto without_epoch = [](const std::string& line) {
    nlohmann::json object = nlohmann::json::parse(line);
    object.erase("epoch");
    return object;
  };
  for (int i = 1; i <= 10; ++i) {
    const std::string number = std::to_string(i);
    CHECK(without_epoch(run({"get", p.log, number, "--json"}).out) ==
          without_epoch(run({"get", copy, number, "--json"}).out));
  }
  CHECK(std::count(second.begin(), second.end(), '\n') == 10);
}

TEST_CASE("jsonl from elsewhere needs only text or base64, and blank lines are passed over", "[tool]") {
  const place p;
  const std::string input = "{\"text\":\"a\"}\n\n{\"base64\":\"/wA=\",\"type\":3,\"comment\":[1,{}]}\r\n{\"text\":\"b\"}";
  REQUIRE(run({"append", p.log, "--split", "jsonl", "--type", "9", "--batch", "10"}, input).exit_code == 0);
  CHECK(run({"get", p.log, "1", "--json"}).json().at("type") == 9);
  CHECK(run({"get", p.log, "2", "--json"}).json().at("type") == 3);
  CHECK(run({"get", p.log, "2", "--format", "raw"}).out == std::string("\xFF\0", 2));
  CHECK(run({"get", p.log, "3", "--json"}).json().at("type") == 9);
}

TEST_CASE("hex shows each record as a dump to read", "[tool]") {
  const place p;
  REQUIRE(run({"append", p.log, "--split", "whole", "--type", "5"}, std::string("0123456789abcdef\0\xFF", 18)).exit_code ==
          0);
  const std::string dump = run({"get", p.log, "1", "--format", "hex"}).out;
  CHECK(dump.find("sequence 1, epoch ") == 0);
  CHECK(dump.find(", type 5, 18 bytes\n") != std::string::npos);
  CHECK(dump.find("00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n") != std::string::npos);
  CHECK(dump.find("00000010  00 ff                                             |..|\n") != std::string::npos);
}
