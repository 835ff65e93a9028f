// SPDX-License-Identifier: MIT
//
// stepwise_writer.hpp - a log in another process, which does one thing after another when it is told to.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include <varve/log.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/log_files.hpp"

namespace varve::testing {

class stepwise_writer {
 public:
  using step = std::function<void(log&)>;

  /// Returns once the log is open there.
  stepwise_writer(const std::filesystem::path& dir, std::vector<step> steps,
                  const log_options& options = {.segment_bytes = 65'536})
      : line_(make_line()), child_([&, this] {
          auto l = log::open(dir, options);
          if (!l) return 2;
          answer();
          for (const auto& s : steps) {
            if (char told = 0; ::read(line_.second, &told, 1) != 1) return 4;
            s(*l);
            answer();
          }
          ::pause();
          return 0;
        }) {
    await_answer();
  }
  ~stepwise_writer() {
    ::close(line_.first);
    ::close(line_.second);
  }
  stepwise_writer(const stepwise_writer&) = delete;
  stepwise_writer& operator=(const stepwise_writer&) = delete;

  /// Lets it do the next step, and returns when that is done.
  void go() {
    REQUIRE(::write(line_.first, "g", 1) == 1);
    await_answer();
  }
  void kill() { child_.end(); }

 private:
  static std::pair<int, int> make_line() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    return {ends[0], ends[1]};
  }
  void answer() const { must(::write(line_.second, "d", 1) == 1); }
  void await_answer() const {
    struct timeval patience{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(line_.first, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char told = 0;
    REQUIRE(::read(line_.first, &told, 1) == 1);
  }

  std::pair<int, int> line_;
  child_process child_;
};

}  // namespace varve::testing
