// SPDX-License-Identifier: MIT
//
// Standard output that cannot be written is never taken for success, and standard error stays clean off a terminal.

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

struct log_of_many : place {
  log_of_many() { REQUIRE(run({"append", log}, numbered_lines(100'000)).exit_code == 0); }

  [[nodiscard]] std::vector<std::vector<std::string>> printing() const {
    return {{"cat", log},    {"get", log, "1"},     {"tail", log}, {"ls", log},  {"stat", log},
            {"verify", log}, {"ls", log, "--json"}, {"--help"},    {"--version"}};
  }
};

std::set<std::string> keys_of(const nlohmann::json& object) {
  std::set<std::string> keys;
  for (const auto& item : object.items()) keys.insert(item.key());
  return keys;
}

}  // namespace

TEST_CASE("a full device behind standard output is a system error, for every verb", "[tool][G7]") {
  const log_of_many p;
  for (const auto& words : p.printing()) {
    CAPTURE(words);
    const ran r = run(words, {}, sink::full_device);
    CHECK(r.exit_code == 3);
    CHECK(r.err.find("No space left on device") != std::string::npos);
  }
}

TEST_CASE("a closed pipe ends every verb quietly", "[tool]") {
  const log_of_many p;
  for (const auto& words : p.printing()) {
    CAPTURE(words);
    const ran r = run(words, {}, sink::closed_pipe);
    CHECK(r.exit_code == 141);
    CHECK(r.err.empty());
  }
}

TEST_CASE("append into a closed pipe or a full device still closes the log whole", "[tool][G7]") {
  const place p;
  CHECK(run({"append", p.log}, "one\n", sink::closed_pipe).exit_code == 141);
  CHECK(run({"append", p.log}, "two\n", sink::full_device).exit_code == 3);
  CHECK(run({"verify", p.log, "--json"}).json().at("closed") == true);
  CHECK(run({"cat", p.log}).out == "one\ntwo\n");
}

TEST_CASE("without a standard output nothing meant for it lands in the log", "[tool][G7]") {
  const place p;
  CHECK(run({"append", p.log}, "one\n", sink::nothing).exit_code == 3);
  CHECK(run({"cat", p.log}, {}, sink::nothing).exit_code == 3);
  CHECK(run({"verify", p.log}).exit_code == 0);
  CHECK(run({"cat", p.log}).out == "one\n");
}

TEST_CASE("no progress is shown where no terminal is", "[tool]") {
  const place p;
  CHECK(run({"append", p.log}, numbered_lines(300'000)).err.empty());
  CHECK(run({"verify", p.log}).err.empty());
}

TEST_CASE("every report is one line of JSON", "[tool]") {
  const place p;
  const nlohmann::json created = run({"create", p.log, "--json", "--segment-size", "128K", "--version-info", "v1"}).json();
  CHECK(created.at("segment_bytes") == 128 * 1024);
  CHECK(created.at("checksum") == "xxh3");
  CHECK(created.at("record_bytes_max") == (std::uint64_t{4} << 30) - 4120);
  CHECK(created.at("version_info") == "v1");
  CHECK(run({"append", p.log, "--json"}, numbered_lines(20'000)).json().at("records") == 20'000);

  const nlohmann::json listed = run({"ls", p.log, "--json"}).json();
  CHECK(listed.at("first") == 1);
  CHECK(listed.at("published") == 20'000);
  CHECK(listed.at("segments").size() > 3);
  CHECK(listed.at("segments").at(0).at("file_bytes") == 128 * 1024);
  CHECK(listed.at("segments").at(0).at("sequences").at("first") == 1);

  const nlohmann::json verified = run({"verify", p.log, "--json"}).json();
  CHECK(verified.at("whole") == true);
  CHECK(verified.at("kept") == 20'000);
  CHECK(verified.at("findings").empty());
  CHECK(run({"get", p.log, "20000", "--json"}).json().at("text") == "line 20000");
}

TEST_CASE("ls is a table with a line for each segment", "[tool]") {
  const place p;
  REQUIRE(run({"create", p.log, "--version-info", "built by\x1b[2J hand"}).exit_code == 0);
  REQUIRE(run({"append", p.log}, numbered_lines(10)).exit_code == 0);
  const std::string table = run({"ls", p.log}).out;
  CHECK(table.find("number") == 0);
  CHECK(table.find("1 to 10") != std::string::npos);
  CHECK(table.find("64 MiB") != std::string::npos);
  // Nobody's text moves the cursor.
  CHECK(table.find('\x1b') == std::string::npos);
}

TEST_CASE("create takes every checksum and every way to write a size", "[tool]") {
  for (const char* checksum : {"xxh3", "crc32c", "crc32", "crc64", "none"}) {
    CAPTURE(checksum);
    const place p;
    CHECK(run({"create", p.log, "--checksum", checksum, "--segment-size", "128K"}).exit_code == 0);
    CHECK(run({"append", p.log}, numbered_lines(100)).exit_code == 0);
    CHECK(run({"cat", p.log}).out == numbered_lines(100));
  }
  for (const char* size : {"1048576", "1024K", "1024KiB", "1M", "1MiB", "1mib"}) {
    CAPTURE(size);
    const place p;
    CHECK(run({"create", p.log, "--segment-size", size, "--json"}).json().at("segment_bytes") == 1048576);
  }
}

TEST_CASE("a path that is not UTF-8 is base64 in JSON, as a payload is", "[tool]") {
  const place p;
  const std::string log = p.file("log\xFF");
  const auto encoded = [&log](const nlohmann::json& object, const std::string& name) {
    REQUIRE_FALSE(object.contains(name));
    // The same bytes as a record.
    const place other;
    REQUIRE(run({"append", other.log, "--split", "whole"}, log).exit_code == 0);
    return object.at(name + "_base64") == run({"get", other.log, "1", "--json"}).json().at("base64");
  };
  CHECK(encoded(run({"cat", log, "--json"}).error(), "path"));
  CHECK(encoded(run({"create", log, "--json"}).json(), "directory"));
  CHECK(encoded(run({"create", log, "--json"}).error(), "path"));
  CHECK(encoded(run({"ls", log, "--json"}).json(), "directory"));
  CHECK(encoded(run({"verify", log, "--json"}).json(), "directory"));
  CHECK(encoded(run({"append", p.log, "--file", log, "--json"}).error(), "path"));  // it is a directory
}

TEST_CASE("the keys of JSON are those that docs/tool.md lists", "[tool]") {
  using keys = std::set<std::string>;
  const place p;
  CHECK(keys_of(run({"create", p.log, "--json"}).json()) ==
        keys{"directory", "segment_bytes", "checksum", "record_times", "record_bytes_max", "version_info"});
  CHECK(keys_of(run({"append", p.log, "--json"}, "line 1\nline 2\n").json()) ==
        keys{"records", "bytes", "sequences", "unsure", "seconds", "close_seconds", "closed", "records_per_second",
             "megabytes_per_second", "stepped_over", "cut_bytes", "cut_records", "recovery", "signal", "incomplete_bytes"});
  for (const auto& words :
       {std::vector<std::string>{"get", p.log, "2", "--json"}, {"cat", p.log, "--from", "2", "--json"}}) {
    CHECK(keys_of(run(words).json()) == keys{"sequence", "epoch", "type", "text"});
  }
  const nlohmann::json listed = run({"ls", p.log, "--json"}).json();
  CHECK(keys_of(listed) == keys{"directory", "first", "durable", "published", "segments"});
  CHECK(keys_of(listed.at("segments").at(0)) ==
        keys{"number", "state", "sequences", "used_bytes", "file_bytes", "version_info"});

  flip_bit_of(p.log, "line 1");
  const nlohmann::json verified = run({"verify", p.log, "--json"}).json();
  CHECK(keys_of(verified) == keys{"directory", "whole", "closed", "kept", "stepped_over", "cut_bytes", "cut_records",
                                  "given_up", "lost", "findings"});
  CHECK(keys_of(verified.at("findings").at(0)) == keys{"kind", "row", "cause", "segment", "offset", "sequences"});
  CHECK(verified.at("findings").at(0).at("kind") == "damage");

  const keys of_errors = {"code", "message", "path", "segment", "offset", "sequences", "errno"};
  CHECK(keys_of(run({"get", p.log, "1", "--json"}).error()) == of_errors);
  keys of_input = of_errors;
  of_input.insert("line");
  CHECK(keys_of(run({"append", p.log, "--split", "jsonl", "--json"}, "{").error()) == of_input);
  CHECK(keys_of(run({"append", "--json"}).error()) == of_errors);
}
