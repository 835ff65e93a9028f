// SPDX-License-Identifier: MIT
//
// Streams of records with their lengths before them: any bytes go in and come out, and what is cut short is named.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

std::string prefixed(const std::string& payload) {
  std::string record;
  for (std::size_t i = 0; i < 4; ++i) record += static_cast<char>(payload.size() >> 8 * i & 0xFF);
  return record + payload;
}

// Empty ones, newlines, zeros, every byte, and records longer than what one read brings.
std::string stream_of_many() {
  std::string stream;
  for (std::size_t i = 0; i < 3000; ++i) {
    std::string payload(i % 7 == 0 ? 0 : i % 1500, static_cast<char>(i % 256));
    if (i % 3 == 1) payload += '\n';
    stream += prefixed(payload);
  }
  return stream + prefixed(std::string(2'500'000, '\0')) + prefixed("");
}

std::vector<std::string> records_of(const std::string& stream) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < stream.size();) {
    std::size_t length = 0;
    for (std::size_t i = 4; i-- > 0;) length = length << 8 | static_cast<unsigned char>(stream.at(at + i));
    records.push_back(stream.substr(at, 4 + length));
    at += 4 + length;
  }
  return records;
}

std::vector<std::string> append_to(const std::string& log, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {"append", log, "--split", "length-prefixed", "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

TEST_CASE("length-prefixed records come back byte for byte, whatever is in them", "[tool][G1]") {
  const std::string stream = stream_of_many();
  for (const char* threads : {"1", "3"}) {
    for (const char* batch : {"1", "50"}) {
      CAPTURE(threads, batch);
      const place p;
      REQUIRE(run({"create", p.log, "--segment-size", "4MiB"}).exit_code == 0);
      const ran append = run(append_to(p.log, {"--threads", threads, "--batch", batch}), stream);
      REQUIRE(append.exit_code == 0);
      CHECK(append.json().at("records") == 3002);
      CHECK(append.json().at("bytes") == stream.size() - 3002 * 4);
      const std::string printed = run({"cat", p.log, "--format", "length-prefixed"}).out;
      if (*threads == '1') {
        CHECK((printed == stream));
      } else {
        std::vector<std::string> in = records_of(stream), out = records_of(printed);
        std::ranges::sort(in);
        std::ranges::sort(out);
        CHECK((in == out));
      }
      const place copy;
      REQUIRE(run(append_to(copy.log), printed).exit_code == 0);
      CHECK((run({"cat", copy.log, "--format", "length-prefixed"}).out == printed));
    }
  }
}

TEST_CASE("get prints a record with its length, and nothing in is nothing out", "[tool]") {
  const place p;
  const ran empty = run(append_to(p.log), "");
  CHECK(empty.exit_code == 0);
  CHECK(empty.json().at("records") == 0);
  REQUIRE(run({"append", p.log}, "one\n").exit_code == 0);
  CHECK((run({"get", p.log, "1", "--format", "length-prefixed"}).out == prefixed("one")));
}

TEST_CASE("a pipe that delivers byte by byte brings every record as soon as it is whole", "[tool]") {
  const place p;
  running_tool append(append_to(p.log));
  const std::string stream = prefixed("first") + prefixed("") + prefixed("second\n");
  for (const char byte : stream) {
    append.write({&byte, 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(comes_true([&p] { return run({"ls", p.log, "--json"}).json().at("published") == 3; }));
  append.close_input();
  CHECK(append.wait().exit_code == 0);
  CHECK((run({"cat", p.log, "--format", "length-prefixed"}).out == stream));
}

TEST_CASE("an input that ends inside of a record is named by record and byte; what was before it is in", "[tool][G7]") {
  const std::string whole = prefixed("one") + prefixed("two");
  struct ending {
    std::string bytes, says;
  };
  for (const ending& e : {ending{std::string("\5\0\0\0abc", 7), "the input ends after 3 of its 5 bytes"},
                          ending{std::string("\5\0\0\0", 4), "the input ends after 0 of its 5 bytes"},
                          ending{std::string("\5", 1), "the input ends inside of its length, after 1 of 4 bytes"}}) {
    for (const char* threads : {"1", "2"}) {
      CAPTURE(e.says, threads);
      const place p;
      const ran append = run(append_to(p.log, {"--threads", threads, "--batch", "9"}), whole + e.bytes);
      CHECK(append.exit_code == 2);
      CHECK(append.json().at("records") == 2);
      CHECK(append.json().at("closed") == true);
      CHECK(append.error().at("code") == "bad_input");
      CHECK(append.error().at("record") == 3);
      CHECK(append.error().at("byte") == 14);
      CHECK(append.error().at("message").get<std::string>().find("standard input, record 3 at byte 14: " + e.says) == 0);
      CHECK((run({"cat", p.log, "--format", "length-prefixed"}).out.size() == whole.size()));
    }
  }
}

TEST_CASE("a length that is more than it may be ends it at once, also if it is only claimed", "[tool][G7]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "64K"}).exit_code == 0);
  const std::string text = "GET / HTTP/1.1\r\n";  // not this format at all: a length of a thousand million
  for (const std::string& bad : {text, prefixed(std::string(65536 - 4119, 'x')) + prefixed("behind")}) {
    CAPTURE(bad.size());
    const ran append =
        run(append_to(p.log, {"--batch", "2", "--max-record", "61416"}), prefixed("one") + prefixed("two") + bad);
    CHECK(append.exit_code == 2);
    CHECK(append.json().at("records") == 2);
    CHECK(append.error().at("code") == "too_large");
    CHECK(append.error().at("record") == 3);
    CHECK(append.error().at("byte") == 14);
    CHECK(append.error().at("limit") == 65536 - 4120);
  }
  CHECK(run({"cat", p.log}).out == "one\ntwo\none\ntwo\n");
  CHECK(run(append_to(p.log), prefixed(std::string(65536 - 4120, 'x'))).exit_code == 0);
}

TEST_CASE("a signal leaves an incomplete record out, and says how much of it was read", "[tool][G1]") {
  for (const char* threads : {"1", "3"}) {
    CAPTURE(threads);
    const place p;
    running_tool append(append_to(p.log, {"--threads", threads}));
    append.write(prefixed("one") + prefixed("two") + std::string("\x09\0\0\0half", 8));
    REQUIRE(comes_true([&p] {
      const ran ls = run({"ls", p.log, "--json"});
      return ls.exit_code == 0 && ls.json().at("published") == 2;
    }));
    append.send(SIGTERM);
    const ran ended = append.wait();
    CHECK(ended.exit_code == 143);
    CHECK(ended.err.empty());
    CHECK(ended.json().at("records") == 2);
    CHECK(ended.json().at("incomplete_bytes") == 8);
    CHECK(run({"cat", p.log}).out == "one\ntwo\n");
  }
}
