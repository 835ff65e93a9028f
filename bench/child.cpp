// SPDX-License-Identifier: MIT
#include "child.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

namespace bench {

// Not fork: this process has threads, and a log of its own.
child::child(const std::vector<std::string>& arguments) {
  std::vector<char*> words{const_cast<char*>("/proc/self/exe")};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  if (posix_spawn(&process_, words.front(), nullptr, nullptr, words.data(), environ) != 0) process_ = 0;
}

child::~child() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

bool child::succeeded() noexcept {
  int status = 0;
  const bool ended = process_ > 0 && waitpid(process_, &status, 0) == process_;
  process_ = 0;
  return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace bench
