// SPDX-License-Identifier: MIT

#include "tool/tool_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace varve::testing {

class descriptor {
 public:
  explicit descriptor(int number) : number_(number) {
    if (number_ < 0) throw std::system_error(errno, std::generic_category());
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { ::close(number_); }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

namespace {

// Files in memory instead of pipes: nothing blocks, however much is printed before it is read.
int memory_file() { return ::memfd_create("tool", MFD_CLOEXEC); }

int pipe_without_reader() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return -1;
  ::close(ends[0]);
  return ends[1];
}

int open_sink(sink out) {
  switch (out) {
    case sink::closed_pipe: return pipe_without_reader();
    case sink::full_device: return ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    case sink::captured:
    case sink::nothing: return memory_file();
  }
  return -1;
}

void write_all(int number, std::string_view bytes) {
  while (!bytes.empty()) {
    const ::ssize_t n = ::write(number, bytes.data(), bytes.size());
    if (n < 0) throw std::system_error(errno, std::generic_category());
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string read_all(int number) {
  std::string content;
  std::array<char, 65536> part{};
  ::ssize_t n = 0;
  while ((n = ::pread(number, part.data(), part.size(), static_cast<::off_t>(content.size()))) > 0) {
    content.append(part.data(), static_cast<std::size_t>(n));
  }
  return content;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct standard_descriptors {
  int in, out, err;  // out: -1 is none at all
};

// Whatever the tests themselves were started with: the signals that end a program do so.
::pid_t spawn(const std::vector<std::string>& arguments, const standard_descriptors& with, running_tool::hangup on_hangup) {
  std::vector<std::string> words = {VARVE_TOOL};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  ::posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, with.in, STDIN_FILENO);
  if (with.out < 0) {
    ::posix_spawn_file_actions_addclose(&actions, STDOUT_FILENO);
  } else {
    ::posix_spawn_file_actions_adddup2(&actions, with.out, STDOUT_FILENO);
  }
  ::posix_spawn_file_actions_adddup2(&actions, with.err, STDERR_FILENO);

  ::sigset_t deadly, none;
  ::sigemptyset(&none);
  ::sigemptyset(&deadly);
  ::sigaddset(&deadly, SIGINT);
  ::sigaddset(&deadly, SIGTERM);
  const bool ignored = on_hangup == running_tool::hangup::ignored;
  if (!ignored) ::sigaddset(&deadly, SIGHUP);
  const auto before = ignored ? ::signal(SIGHUP, SIG_IGN) : SIG_ERR;
  ::posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  ::posix_spawnattr_setsigdefault(&attributes, &deadly);
  ::posix_spawnattr_setsigmask(&attributes, &none);

  ::pid_t child = 0;
  const int failed = ::posix_spawn(&child, VARVE_TOOL, &actions, &attributes, argv.data(), environ);
  if (before != SIG_ERR) ::signal(SIGHUP, before);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::system_error(failed, std::generic_category(), VARVE_TOOL);
  return child;
}

int exit_code_of(::pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category());
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

running_tool::running_tool(const std::vector<std::string>& arguments, int out, hangup on_hangup)
    : results_(std::make_unique<descriptor>(out < 0 ? memory_file() : ::fcntl(out, F_DUPFD_CLOEXEC, 0))),
      complaints_(std::make_unique<descriptor>(memory_file())) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
  const descriptor read_end(ends[0]);
  input_ = std::make_unique<descriptor>(ends[1]);
  child_ = spawn(arguments, {read_end.number(), results_->number(), complaints_->number()}, on_hangup);
}

running_tool::~running_tool() {
  if (child_ == 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

void running_tool::write(std::string_view bytes) { write_all(input_->number(), bytes); }
void running_tool::close_input() { input_.reset(); }
void running_tool::send(int signal) const { ::kill(child_, signal); }

ran running_tool::wait() {
  ran r;
  r.exit_code = exit_code_of(child_);
  child_ = 0;
  r.out = read_all(results_->number());  // nothing, of a pipe
  r.err = read_all(complaints_->number());
  return r;
}

bool comes_true(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

ran run(const std::vector<std::string>& arguments, std::string_view input, sink out) {
  const descriptor in(memory_file()), results(open_sink(out)), complaints(memory_file());
  write_all(in.number(), input);
  ::lseek(in.number(), 0, SEEK_SET);

  const ::pid_t child = spawn(arguments, {in.number(), out == sink::nothing ? -1 : results.number(), complaints.number()},
                              running_tool::hangup::fatal);
  ran r;
  r.exit_code = exit_code_of(child);
  if (out == sink::captured) r.out = read_all(results.number());
  r.err = read_all(complaints.number());
  return r;
}

void write_file(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::map<std::string, std::string> snapshot(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const auto changed = entry.last_write_time().time_since_epoch().count();
    files[entry.path().string()] =
        std::to_string(changed) + '\n' + (entry.is_regular_file() ? content_of(entry.path()) : "");
  }
  return files;
}

std::uint64_t flip_bit_of(const std::filesystem::path& directory, std::string_view bytes) {
  std::filesystem::path found;
  std::uint64_t offset = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string content = content_of(entry.path());
    const std::size_t at = content.find(bytes);
    if (at == std::string::npos) continue;
    if (!found.empty() || content.find(bytes, at + 1) != std::string::npos) throw std::runtime_error("not the only place");
    found = entry.path();
    offset = at;
  }
  if (found.empty()) throw std::runtime_error("the bytes are nowhere");
  flip_bit_at(found, offset);
  return offset;
}

void flip_bit_at(const std::filesystem::path& file, std::uint64_t offset) {
  std::fstream bytes(file, std::ios::binary | std::ios::in | std::ios::out);
  bytes.seekg(static_cast<std::streamoff>(offset));
  const int old = bytes.get();
  bytes.seekp(static_cast<std::streamoff>(offset));
  bytes.put(static_cast<char>(old ^ 1));
  if (!bytes.flush()) throw std::runtime_error("cannot change " + file.string());
}

std::string numbered_lines(std::size_t count) {
  std::string lines;
  for (std::size_t i = 1; i <= count; ++i) lines += "line " + std::to_string(i) + '\n';
  return lines;
}

}  // namespace varve::testing
