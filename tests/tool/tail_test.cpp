// SPDX-License-Identifier: MIT
//
// tail: the last records, and those that come.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "tool/tool_process.hpp"

using namespace varve::testing;

namespace {

// A follower whose output can be read while it runs.
class follower {
 public:
  explicit follower(std::vector<std::string> words) {
    REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
    REQUIRE(::fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0);
    tool_ = std::make_unique<running_tool>(words, ends_[1]);
    ::close(ends_[1]);
  }
  follower(const follower&) = delete;
  follower& operator=(const follower&) = delete;
  ~follower() { stop_reading(); }

  [[nodiscard]] bool prints(const std::string& all) {
    return comes_true([this, &all] {
             std::array<char, 4096> part{};
             for (;;) {
               const ::ssize_t n = ::read(ends_[0], part.data(), part.size());
               if (n <= 0) break;
               printed_.append(part.data(), static_cast<std::size_t>(n));
             }
             return printed_.size() >= all.size();
           }) &&
           printed_ == all;
  }
  void stop_reading() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  void send(int signal) const { tool_->send(signal); }
  [[nodiscard]] ran wait() { return tool_->wait(); }

 private:
  std::array<int, 2> ends_{-1, -1};
  std::unique_ptr<running_tool> tool_;
  std::string printed_;
};

std::string lines(std::size_t from, std::size_t to) {
  std::string all;
  for (std::size_t i = from; i <= to; ++i) all += "line " + std::to_string(i) + '\n';
  return all;
}

}  // namespace

TEST_CASE("tail prints the last ten, or as many as are asked for", "[tool]") {
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(25)).exit_code == 0);
  CHECK(run({"tail", p.log}).out == lines(16, 25));
  CHECK(run({"tail", p.log, "-n", "1"}).out == lines(25, 25));
  CHECK(run({"tail", p.log, "-n", "25"}).out == lines(1, 25));
  CHECK(run({"tail", p.log, "--count", "1000000"}).out == lines(1, 25));
  CHECK(run({"tail", p.log, "-n", "0"}).out.empty());
  CHECK(run({"tail", p.log, "-n", "2", "--json"}).out == run({"cat", p.log, "--from", "24", "--json"}).out);
  CHECK(run({"tail", p.log, "-n", "2", "--format", "length-prefixed"}).out ==
        run({"cat", p.log, "--from", "24", "--format", "length-prefixed"}).out);
}

TEST_CASE("tail of a log of no records prints nothing and is fine; of no log it does not wait for one", "[tool]") {
  const place p;
  for (const char* follow : {"-n1", "-f"}) {
    const ran r = run({"tail", p.log, follow, "--json"});
    CHECK(r.exit_code == 3);
    CHECK(r.error().at("code") == "not_found");
  }
  REQUIRE(run({"create", p.log}).exit_code == 0);
  const ran r = run({"tail", p.log});
  CHECK(r.exit_code == 0);
  CHECK(r.out.empty());
  CHECK(run({"tail", p.log, "-n", "-1"}).exit_code == 2);
}

TEST_CASE("abandoned sequences are passed over, and so many records really come", "[tool][G3]") {
  const place p;
  die_after(p.log, "abcdefghijklmnopqrst");
  for (const std::uint64_t s : {8U, 9U, 11U, 12U, 13U, 14U, 15U, 17U, 19U}) clear_stamp(p.log, s);
  for (const bool recovered : {false, true}) {
    CAPTURE(recovered);
    if (recovered) REQUIRE(run({"append", p.log}).exit_code == 0);
    CHECK(run({"tail", p.log, "-n", "1", "--format", "raw"}).out == "t");
    CHECK(run({"tail", p.log, "-n", "3", "--format", "raw"}).out == "prt");
    CHECK(run({"tail", p.log, "-n", "5", "--format", "raw"}).out == "gjprt");
    CHECK(run({"tail", p.log, "-n", "11", "--format", "raw"}).out == "abcdefgjprt");
    CHECK(run({"tail", p.log, "-n", "20", "--format", "raw"}).out == "abcdefgjprt");
  }
}

TEST_CASE("damage among the last records is an error behind what is before it", "[tool][G5]") {
  const place p;
  REQUIRE(run({"append", p.log}, numbered_lines(20)).exit_code == 0);
  flip_payload_bit(p.log, 18);
  const ran r = run({"tail", p.log});
  CHECK(r.exit_code == 4);
  CHECK(r.out == lines(11, 17));
  CHECK(run({"tail", p.log, "-n", "2"}).out == lines(19, 20));
}

TEST_CASE("a follower prints each record as it is published, through rolls", "[tool][G8]") {
  const place p;
  REQUIRE(run({"create", p.log, "--segment-size", "64K"}).exit_code == 0);
  running_tool append({"append", p.log});
  append.write(lines(1, 3));
  REQUIRE(comes_true([&p] { return run({"tail", p.log}).out == lines(1, 3); }));
  follower tail({"tail", p.log, "-f", "-n", "2"});
  CHECK(tail.prints(lines(2, 3)));
  append.write(lines(4, 4));
  CHECK(tail.prints(lines(2, 4)));
  append.write(lines(5, 9000));
  CHECK(tail.prints(lines(2, 9000)));
  append.close_input();
  CHECK(append.wait().exit_code == 0);
  CHECK(run({"stat", p.log, "--json"}).json().at("segments").at("sealed") > 2);
  tail.send(SIGTERM);
  const ran ended = tail.wait();
  CHECK(ended.exit_code == 143);
  CHECK(ended.err.empty());
}

TEST_CASE("a follower outlives its writers, however they end", "[tool][G1][G8]") {
  const place p;
  REQUIRE(run({"append", p.log}, lines(1, 2)).exit_code == 0);
  follower tail({"tail", p.log, "-f", "-n", "0"});
  for (std::size_t life = 0; life < 6; ++life) {
    CAPTURE(life);
    const std::size_t first = 3 + 2 * life;
    running_tool append({"append", p.log});
    append.write(lines(first, first + 1));
    CHECK(tail.prints(lines(3, first + 1)));
    if (life % 2 == 0) {
      append.send(SIGKILL);
    } else {
      append.close_input();
    }
    static_cast<void>(append.wait());
    CHECK(tail.prints(lines(3, first + 1)));
  }
  tail.send(SIGINT);
  CHECK(tail.wait().exit_code == 130);
}

TEST_CASE("a follower ends when nobody reads it any more, also while nothing comes", "[tool]") {
  const place p;
  REQUIRE(run({"append", p.log}, lines(1, 2)).exit_code == 0);
  follower tail({"tail", p.log, "-f"});
  CHECK(tail.prints(lines(1, 2)));
  tail.stop_reading();
  const ran ended = tail.wait();
  CHECK(ended.exit_code == 141);
  CHECK(ended.err.empty());
}
