// SPDX-License-Identifier: MIT
//
// append: counts, threads, batches, and a failure in the middle.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::ranges::sort(lines);
  return lines;
}

bool has_published(const std::string& log, std::uint64_t count) {
  const ran ls = run({"ls", log, "--json"});
  return ls.exit_code == 0 && ls.json().at("published") == count;
}

bool is_closed(const std::string& log) { return run({"verify", log, "--json"}).json().at("closed") == true; }

}  // namespace

TEST_CASE("append reports how much went in, as text and as JSON", "[tool]") {
  const place p;
  const ran text = run({"append", p.log}, "abc\nde\n");
  CHECK(text.exit_code == 0);
  CHECK(text.out.find("appended 2 records, sequences 1 to 2\n") == 0);

  const nlohmann::json report = run({"append", p.log, "--json"}, "f\ng\nh").json();
  CHECK(report.at("records") == 3);
  CHECK(report.at("bytes") == 3);
  CHECK(report.at("sequences").at("first") == 3);
  CHECK(report.at("sequences").at("last") == 5);
  CHECK(report.at("records_per_second").get<double>() > 0);
}

TEST_CASE("append reads a named file", "[tool]") {
  const place p;
  write_file(p.file("input"), "x\ny\n");
  CHECK(run({"append", p.log, "--file", p.file("input")}, "not this").exit_code == 0);
  CHECK(run({"cat", p.log}).out == "x\ny\n");
}

TEST_CASE("any number of threads and any batch lose no line and invent none", "[tool][G1]") {
  const std::size_t count = 200'000;  // several blocks of input
  const std::string lines = numbered_lines(count);
  for (const char* threads : {"1", "2", "5"}) {
    for (const char* batch : {"1", "7", "1000"}) {
      CAPTURE(threads, batch);
      const place p;
      // Small segments: rolls all the time.
      REQUIRE(run({"create", p.log, "--segment-size", "256KiB"}).exit_code == 0);
      const ran append = run({"append", p.log, "--threads", threads, "--batch", batch, "--json"}, lines);
      REQUIRE(append.exit_code == 0);
      CHECK(append.json().at("records") == count);
      CHECK(append.json().at("bytes") == lines.size() - count);
      CHECK(append.json().at("sequences").at("last") == count);
      const std::string printed = run({"cat", p.log}).out;
      if (*threads == '1') {
        CHECK((printed == lines));
      } else {
        CHECK((sorted(lines_of(printed)) == sorted(lines_of(lines))));
      }
    }
  }
}

TEST_CASE("a record that is too large ends it: what went in before is counted, the rest stays out", "[tool][G7]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "64K"}).exit_code == 0);
  const std::string lines = "one\ntwo\n" + std::string(100'000, 'x') + "\nfour\n";
  for (const char* batch : {"1", "2"}) {
    CAPTURE(batch);
    const ran append = run({"append", p.log, "--batch", batch, "--max-record", "64K", "--json"}, lines);
    CHECK(append.exit_code == 2);
    CHECK(append.json().at("records") == 2);
    CHECK(append.error().at("code") == "too_large");
    CHECK(append.error().at("limit") == 65536);
  }
  CHECK(run({"cat", p.log}).out == "one\ntwo\none\ntwo\n");
  CHECK(run({"verify", p.log}).exit_code == 0);
}

TEST_CASE("what is too large is named by its line of the input", "[tool][G7]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "64K"}).exit_code == 0);
  const std::string large(70'000, 'x');
  const ran text = run({"append", p.log, "--max-record", "69999"}, "one\ntwo\n" + large + "\nfour\n");
  CHECK(text.err.find("varve append: standard input, line 3: a record of 70000 bytes, ") == 0);

  // Of a batch it is the one that is too large; the file has a name; blank lines of JSON count as lines.
  write_file(p.file("input"), "{\"text\":\"a\"}\n\n{\"text\":\"" + large + "\"}\n{\"text\":\"b\"}\n");
  const ran json = run(
      {"append", p.log, "--file", p.file("input"), "--split", "jsonl", "--batch", "9", "--max-record", "69999", "--json"});
  CHECK(json.exit_code == 2);
  CHECK(json.json().at("records") == 0);
  CHECK(json.error().at("message").get<std::string>().find(p.file("input") + ", line 3: ") == 0);
  CHECK(json.error().at("path") == p.file("input"));
  CHECK(json.error().at("line") == 3);
  CHECK(json.error().at("limit") == 69'999);
}

TEST_CASE("records and batches larger than a segment of the log go in, and come out", "[tool][append]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "64K"}).exit_code == 0);
  const std::string lines =
      "one\n" + std::string(300'000, 'x') + "\n" + std::string(40'000, 'y') + "\n" + std::string(40'000, 'z') + "\nfive\n";
  for (const char* batch : {"1", "2"}) CHECK(run({"append", p.log, "--batch", batch}, lines).exit_code == 0);
  CHECK(run({"cat", p.log}).out == lines + lines);
  CHECK(run({"append", p.log, "--split", "whole"}, lines).exit_code == 0);
  CHECK(run({"get", p.log, "11"}).out.substr(0, lines.size()) == lines);
  CHECK(run({"verify", p.log}).exit_code == 0);
}

TEST_CASE("a line that is longer than it may be is refused before it fills the memory", "[tool][G7]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "64K"}).exit_code == 0);
  const std::string lines = "one\n" + std::string(9'000'000, 'x');
  for (const char* threads : {"1", "3"}) {
    CAPTURE(threads);
    const ran append = run({"append", p.log, "--threads", threads, "--max-record", "4M", "--json"}, lines);
    CHECK(append.exit_code == 2);
    CHECK(append.json().at("records") == 1);
    CHECK(append.error().at("code") == "too_large");
  }
  CHECK(run({"append", p.log, "--split", "whole", "--max-record", "4M"}, lines).exit_code == 2);
}

TEST_CASE("a line that is no JSON ends it, named by its number; the lines before it are in", "[tool][G7]") {
  const place p;
  const std::string good = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n";
  for (const char* bad :
       {"{", "[]", "{}", "{\"text\":1}", "{\"text\":\"a\",\"base64\":\"\"}", "{\"base64\":\"A\"}", "{\"base64\":\"AB==\"}",
        "{\"text\":\"\",\"type\":65536}", "{\"text\":\"\",\"type\":-1}", "\"\xFF\""}) {
    CAPTURE(bad);
    const ran append = run({"append", p.log, "--split", "jsonl", "--batch", "100", "--json"}, good + bad + "\n" + good);
    CHECK(append.exit_code == 2);
    CHECK(append.json().at("records") == 2);
    CHECK(append.error().at("code") == "bad_input");
    CHECK(append.error().at("message").get<std::string>().find("line 3") != std::string::npos);
  }
}

TEST_CASE("an input that is not there, or is a directory, leaves no log behind", "[tool][G7]") {
  const place p;
  const ran missing = run({"append", p.log, "--file", p.file("nothing"), "--json"});
  CHECK(missing.exit_code == 3);
  CHECK(missing.error().at("errno") == ENOENT);
  CHECK(run({"append", p.log, "--file", p.directory.path().string()}).exit_code == 3);
  CHECK_FALSE(std::filesystem::exists(p.log));
}

TEST_CASE("durable appends are durable before the log is closed", "[tool][G2]") {
  const place p;
  REQUIRE(run({"append", p.log, "--durability", "immediate", "--threads", "4"}, numbered_lines(500)).exit_code == 0);
  CHECK(run({"ls", p.log, "--json"}).json().at("durable") == 500);
}

TEST_CASE("grouped appends are durable when they return, as many threads share a sync", "[tool][G2]") {
  const place p;
  running_tool append({"append", p.log, "--durability", "grouped", "--window", "1ms", "--threads", "4"});
  append.write(numbered_lines(200));
  REQUIRE(comes_true([&p] { return has_published(p.log, 200); }));
  CHECK(comes_true([&p] { return run({"ls", p.log, "--json"}).json().at("durable") == 200; }));
  append.close_input();
  CHECK(append.wait().exit_code == 0);
}

TEST_CASE("periodic appends become durable by themselves while the input is quiet", "[tool][G2]") {
  const std::vector<std::vector<std::string>> ways = {
      {}, {"--interval", "20ms"}, {"--interval", "3600s", "--records", "2"}, {"--interval", "1s", "--bytes", "64"}};
  for (const auto& way : ways) {
    CAPTURE(way);
    const place p;
    std::vector<std::string> words = {"append", p.log, "--durability", "periodic"};
    words.insert(words.end(), way.begin(), way.end());
    running_tool append(words);
    append.write(numbered_lines(4));
    CHECK(comes_true([&p] {
      const ran ls = run({"ls", p.log, "--json"});
      return ls.exit_code == 0 && ls.json().at("durable") == 4;
    }));
    append.close_input();
    CHECK(append.wait().exit_code == 0);
  }
}

TEST_CASE("times and options of another policy are answered in words", "[tool][G7]") {
  const place p;
  struct wrong {
    std::vector<std::string> words;
    std::string says;
  };
  for (const wrong& w :
       {wrong{{"--window", "200"}, "--window: 200 is not a time; write 200us, 5ms or 1s"},
        wrong{{"--window", "1 ms"}, "--window: 1 ms is not a time; write 200us, 5ms or 1s"},
        wrong{{"--window", "1.5ms"}, "--window: 1.5ms is not a time; write 200us, 5ms or 1s"},
        wrong{{"--window", "-1ms"}, "--window: -1ms is not a time; write 200us, 5ms or 1s"},
        wrong{{"--window", "11s"}, "--window: 11s is not a time from 1us to 10s in steps of 1us"},
        wrong{{"--window", "99999999999999999s"}, "--window: 99999999999999999s is not a time; "},
        wrong{{"--interval", "1500us"}, "--interval: 1500us is not a time from 1ms to 86400s in steps of 1ms"},
        wrong{{"--interval", "0ms"}, "--interval: 0ms is not a time from 1ms to 86400s in steps of 1ms"},
        wrong{{"--window", "1ms"}, "--window goes with --durability grouped, not with none"},
        wrong{{"--durability", "grouped", "--records", "5"},
              "--records goes with --durability periodic, not with grouped"}}) {
    CAPTURE(w.words);
    std::vector<std::string> words = {"append", p.log};
    words.insert(words.end(), w.words.begin(), w.words.end());
    const ran r = run(words);
    CHECK(r.exit_code == 2);
    CHECK(r.err.find("varve append: " + w.says) == 0);
  }
  CHECK_FALSE(std::filesystem::exists(p.log));
}

TEST_CASE("append says where the settings of a new log are made", "[tool]") {
  const place p;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--segment-size", "1MiB"}, {"--checksum=crc32c"}, {"--times"}}) {
    std::vector<std::string> command{"append", p.log};
    command.insert(command.end(), words.begin(), words.end());
    const ran r = run(command, "x\n");
    CHECK(r.exit_code == 2);
    CHECK_THAT(r.err, Catch::Contains(": a log gets this when it is made; use varve create first"));
  }
  CHECK_FALSE(std::filesystem::exists(p.log));
  CHECK(run({"append", "--help"}).out.find("--segment-size") == std::string::npos);
  CHECK(run({"completion", "bash"}).out.find("--threads --batch --max-record --type --archive --compress --json") !=
        std::string::npos);
}

TEST_CASE("a signal ends an input that never ends: complete lines are in, the log is closed, the report is there",
          "[tool][G1]") {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    for (const char* threads : {"1", "3"}) {
      CAPTURE(signal, threads);
      const place p;
      running_tool append({"append", p.log, "--threads", threads, "--batch", "100", "--json"});
      append.write("one\ntwo\nincom");
      REQUIRE(comes_true([&p] { return has_published(p.log, 2); }));
      append.write("plete");
      append.send(signal);
      const ran ended = append.wait();
      CHECK(ended.exit_code == 128 + signal);
      CHECK(ended.err.empty());
      CHECK(ended.json().at("records") == 2);
      CHECK(ended.json().at("closed") == true);
      CHECK(ended.json().at("signal") == signal);
      CHECK(ended.json().at("incomplete_bytes").get<std::uint64_t>() >= 5);
      CHECK(is_closed(p.log));
      CHECK(run({"cat", p.log}).out == "one\ntwo\n");
    }
  }
}

TEST_CASE("a signal in text: the usual report, and what ended it", "[tool]") {
  const place p;
  running_tool append({"append", p.log});
  append.write("one\n");
  REQUIRE(comes_true([&p] { return has_published(p.log, 1); }));
  append.send(SIGTERM);
  const ran ended = append.wait();
  CHECK(ended.exit_code == 143);
  CHECK(ended.out.find("appended 1 records, sequences 1 to 1\n") == 0);
  CHECK(ended.out.find("closed, and so durable") != std::string::npos);
  CHECK(ended.out.ends_with("ended by signal 15\n"));
}

TEST_CASE("an input that always has more ends by a signal too, at any moment", "[tool][G1]") {
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    const place p;
    REQUIRE(run({"create", p.log, "--segment-size", "256K"}).exit_code == 0);
    write_file(p.file("input"), numbered_lines(500'000));
    running_tool append({"append", p.log, "--file", p.file("input"), "--threads", round % 2 == 0 ? "1" : "2", "--json"});
    REQUIRE(comes_true([&p] { return run({"ls", p.log, "--json"}).json().at("published") > 0; }));
    append.send(SIGINT);
    const ran ended = append.wait();
    CHECK((ended.exit_code == 130 || ended.exit_code == 0));  // 0: it had read all of it
    CHECK(is_closed(p.log));
    CHECK(has_published(p.log, ended.json().at("records")));
  }
}

TEST_CASE("half of a record that is the whole input is no record", "[tool]") {
  const place p;
  running_tool append({"append", p.log, "--split", "whole", "--json"});
  append.write("half");
  REQUIRE(comes_true([&p] { return has_published(p.log, 0); }));  // it is open
  append.send(SIGTERM);
  const ran ended = append.wait();
  CHECK(ended.exit_code == 143);
  if (!ended.out.empty()) CHECK(ended.json().at("records") == 0);  // empty: it came just before the input was read
  CHECK(run({"cat", p.log}).out.empty());
}

TEST_CASE("a second signal ends it at once", "[tool][G1]") {
  // The report cannot be printed: its pipe is full, and nobody reads.
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  const std::string filling(4096, 'f');
  while (::write(ends[1], filling.data(), filling.size()) > 0) {
  }
  REQUIRE(::fcntl(ends[1], F_SETFL, 0) == 0);
  const place p;
  running_tool append({"append", p.log}, ends[1]);
  append.write("one\n");
  REQUIRE(comes_true([&p] { return has_published(p.log, 1); }));
  append.send(SIGTERM);
  REQUIRE(comes_true([&p] { return is_closed(p.log); }));
  append.send(SIGINT);
  CHECK(append.wait().exit_code == 128 + SIGINT);
  CHECK(is_closed(p.log));
  for (const int end : ends) ::close(end);
}

TEST_CASE("a hangup that is ignored, as under nohup, ends nothing", "[tool]") {
  const place p;
  running_tool append({"append", p.log}, -1, running_tool::hangup::ignored);
  append.write("one\n");
  REQUIRE(comes_true([&p] { return has_published(p.log, 1); }));
  append.send(SIGHUP);
  append.write("two\n");
  REQUIRE(comes_true([&p] { return has_published(p.log, 2); }));
  append.close_input();
  CHECK(append.wait().exit_code == 0);
}
