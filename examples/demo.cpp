// SPDX-License-Identifier: MIT
//
// varve_demo DIRECTORY INPUT... [--keep] - the main job on real input, with the figures a newcomer wants to see.
//
// The records of the inputs (paragraphs of a file that begins with "Package:", lines of any other) are appended again and
// again, from four threads, until 1 GiB is in; then the log is closed, opened again, read by number and in order, given
// durable appends, and verified. Whatever is read is compared, byte by byte, with what was appended. The log is
// DIRECTORY/log: it must not be there before, and is removed at the end unless --keep says otherwise, or something
// was wrong with it.

#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <varve/varve.hpp>

namespace {

using clock_type = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::uint64_t payload_bytes_wanted = std::uint64_t{1} << 30;
constexpr std::size_t appenders = 4;
constexpr std::size_t random_reads = 100'000;
constexpr std::size_t durable_appends = 4'000;
constexpr auto patience = 5s;  // no single measurement takes longer; it then says how far it came

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

// main() reports what is thrown. The library itself throws nothing.
template <class T>
T must(varve::result<T> r) {
  if (!r) throw std::runtime_error(r.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*r);
}

std::string count(std::uint64_t n) {
  std::string text = fmt::format("{}", n);
  for (std::size_t i = text.size(); i > 3;) text.insert(i -= 3, 1, ',');
  return text;
}

std::string duration(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} us", seconds * 1e6);
  return seconds < 1 ? fmt::format("{:.1f} ms", seconds * 1e3) : fmt::format("{:.2f} s", seconds);
}

template <class... Args>
void row(std::string_view what, fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("  {:<29}{}\n", what, fmt::format(format, std::forward<Args>(args)...));
  std::fflush(stdout);
}

// ---- The machine

std::string first_value(const char* file, std::string_view key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key)) return line.substr(std::min(line.find(": ") + 2, line.size()));
  }
  return "unknown processor";
}

// The mount point that is the longest beginning of the path; of several on one place the last holds.
std::string file_system_of(const std::filesystem::path& path) {
  const std::string wanted = std::filesystem::canonical(path).string() + '/';
  std::ifstream mounts("/proc/self/mounts");
  std::string device, point, kind, rest, name = "unknown file system";
  std::size_t longest = 0;
  while (mounts >> device >> point >> kind && std::getline(mounts, rest)) {
    if (!point.ends_with('/')) point += '/';
    if (wanted.starts_with(point) && point.size() >= longest) {
      longest = point.size();
      name = fmt::format("{} on {}", kind, device);
    }
  }
  return name;
}

std::string machine() {
  ::utsname kernel{};
  if (::uname(&kernel) != 0) return "unknown kernel";
  return fmt::format("{} {}, {} processors: {}", kernel.sysname, kernel.release, std::thread::hardware_concurrency(),
                     first_value("/proc/cpuinfo", "model name"));
}

std::uint64_t disk_bytes(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    struct ::stat status{};
    if (::stat(entry.path().c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

// ---- The input

struct input_files {
  std::vector<std::string> contents;  // what the records point into; reserved once, so that no content moves
  std::vector<std::string_view> records;
  std::uint64_t record_bytes = 0;

  void add(const std::string& path);
};

void input_files::add(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || content.empty()) {
    fmt::print("skipped: {} is empty, or cannot be read\n", path);
    return;
  }
  const std::string_view separator = content.starts_with("Package:") ? "\n\n" : "\n";
  contents.push_back(std::move(content));
  for (std::string_view rest = contents.back(); !rest.empty();) {
    const std::size_t end = std::min(rest.find(separator), rest.size());
    if (end != 0) {
      records.push_back(rest.substr(0, end));
      record_bytes += end;
    }
    rest.remove_prefix(std::min(end + separator.size(), rest.size()));
  }
}

// ---- The job

class demo {
 public:
  demo(std::filesystem::path directory, const std::vector<std::string_view>& records)
      : directory_(std::move(directory)), records_(records) {}

  void run() {
    varve::log log = must(varve::log::open(directory_));
    append(log);
    const auto closing = clock_type::now();
    must(log.close());
    row("close, all is durable then", "{}", duration(seconds_since(closing)));

    const auto opening = clock_type::now();
    log = must(varve::log::open(directory_));
    row("reopen", "{}", duration(seconds_since(opening)));
    if (log.published_sequence().value != appended_.size()) throw std::runtime_error("the reopened log is not complete");
    read_by_number(log);
    read_in_order(log);
    append_durably(log, 1);
    append_durably(log, appenders);
    must(log.close());
    verify();
    row("disk used", "{:.1f} MB", static_cast<double>(disk_bytes(directory_)) / 1e6);
  }

 private:
  // Says which record got which sequence; each thread writes the elements of its own sequences.
  void append(varve::log& log);
  void read_by_number(const varve::log& log) const;
  void read_in_order(const varve::log& log) const;
  void append_durably(varve::log& log, std::size_t threads);
  void verify() const;

  template <class Record>
  void compare(const Record& r) const {
    if (r.text() != records_[appended_[r.sequence().value - 1]]) {
      throw std::runtime_error(fmt::format("record {} is not what was appended", r.sequence().value));
    }
  }

  std::filesystem::path directory_;
  const std::vector<std::string_view>& records_;
  std::vector<std::uint32_t> appended_;  // by sequence - 1: which of records_
  std::uint64_t durably_appended_ = 0;
};

// Runs `work(thread)` in threads, and throws what one of them threw.
template <class F>
void in_threads(std::size_t threads, F work) {
  std::vector<std::exception_ptr> thrown(threads);
  {
    std::vector<std::jthread> running;
    for (std::size_t t = 0; t < threads; ++t) {
      running.emplace_back([&thrown, &work, t] {
        try {
          work(t);
        } catch (...) {
          thrown[t] = std::current_exception();
        }
      });
    }
  }
  for (const std::exception_ptr& e : thrown) {
    if (e) std::rethrow_exception(e);
  }
}

void demo::append(varve::log& log) {
  std::uint64_t bytes = 0, records = 0;
  for (; bytes < payload_bytes_wanted; ++records) bytes += records_[records % records_.size()].size();
  appended_.assign(records, 0);

  const auto start = clock_type::now();
  in_threads(appenders, [&](std::size_t thread) {
    varve::sequence before;
    for (std::uint64_t i = thread; i < records; i += appenders) {
      const auto which = static_cast<std::uint32_t>(i % records_.size());
      const varve::sequence s = must(log.append(records_[which]));
      if (s <= before || s.value > records) throw std::runtime_error("a sequence was given out of order");
      before = s;
      appended_[s.value - 1] = which;
    }
  });
  const double seconds = seconds_since(start);
  row(fmt::format("append, {} threads", appenders), "{} records, {:.1f} MB in {}", count(records),
      static_cast<double>(bytes) / 1e6, duration(seconds));
  row("", "{} records/s, {:.1f} MB/s", count(static_cast<std::uint64_t>(static_cast<double>(records) / seconds)),
      static_cast<double>(bytes) / 1e6 / seconds);
}

void demo::read_by_number(const varve::log& log) const {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::uint64_t> any(1, appended_.size());
  std::vector<double> latencies;
  latencies.reserve(random_reads);
  const auto start = clock_type::now();
  for (auto before = start; latencies.size() < random_reads && before - start < patience;) {
    const varve::pinned_record r = must(log.read({any(random)}));
    latencies.push_back(seconds_since(before));
    compare(r);
    before = clock_type::now();
  }
  std::ranges::sort(latencies);
  row("read by number, at random", "{} records: median {}, p99 {}", count(latencies.size()),
      duration(latencies[latencies.size() / 2]), duration(latencies[latencies.size() * 99 / 100]));
}

void demo::read_in_order(const varve::log& log) const {
  const auto start = clock_type::now();
  std::uint64_t records = 0, bytes = 0;
  for (const varve::result<varve::record>& r : log.records()) {
    if (!r) throw std::runtime_error(r.error().message());
    compare(*r);
    ++records;
    bytes += r->payload().size();
  }
  if (records != appended_.size()) throw std::runtime_error("reading in order did not meet every record");
  row("read in order, all compared", "{:.1f} MB/s", static_cast<double>(bytes) / 1e6 / seconds_since(start));
}

void demo::append_durably(varve::log& log, std::size_t threads) {
  std::vector<std::uint64_t> appended(threads);
  const auto start = clock_type::now();
  in_threads(threads, [&](std::size_t thread) {
    for (std::size_t i = thread; i < durable_appends && clock_type::now() - start < patience; i += threads) {
      must(log.append(records_[i % records_.size()], {.type = 1, .durability = varve::immediate()}));
      ++appended[thread];
    }
  });
  const double seconds = seconds_since(start);
  std::uint64_t all = 0;
  for (const std::uint64_t n : appended) all += n;
  durably_appended_ += all;
  row(fmt::format("durable appends, {} thread{}", threads, threads == 1 ? "" : "s"), "{} records/s, each durable ({} in {})",
      count(static_cast<std::uint64_t>(static_cast<double>(all) / seconds)), count(all), duration(seconds));
}

void demo::verify() const {
  const auto start = clock_type::now();
  const varve::recovery_report report = must(varve::verify(directory_));
  const double seconds = seconds_since(start);
  const bool whole = report.findings.empty() && report.cut_bytes == 0 && report.stepped_over == 0;
  if (!whole || report.kept != appended_.size() + durably_appended_) {
    throw std::runtime_error(fmt::format("verify: {} findings, {} of {} records kept", report.findings.size(), report.kept,
                                         appended_.size() + durably_appended_));
  }
  const varve::log_view view = must(varve::log_view::open(directory_));
  row("verify", "whole, {} records, {:.1f} MB/s", count(report.kept),
      static_cast<double>(must(view.stats()).bytes_used) / 1e6 / seconds);
}

int run(std::span<char*> arguments) {
  bool keep = false;
  std::vector<std::string> paths;
  for (const std::string_view argument : arguments) {
    if (argument == "--keep") {
      keep = true;
    } else {
      paths.emplace_back(argument);
    }
  }
  if (paths.size() < 2) {
    fmt::print(stderr, "usage: varve_demo DIRECTORY INPUT... [--keep]\n");
    return 2;
  }

  input_files input;
  input.contents.reserve(paths.size());
  for (std::size_t i = 1; i < paths.size(); ++i) input.add(paths[i]);
  if (input.records.empty()) throw std::runtime_error("the inputs hold no records");
  const std::filesystem::path log_directory = std::filesystem::path(paths[0]) / "log";
  std::filesystem::create_directories(paths[0]);
  if (std::filesystem::exists(log_directory))
    throw std::runtime_error(log_directory.string() + " is there already; remove it first");

  fmt::print("{}; {}\n", file_system_of(paths[0]), machine());
  fmt::print("input: {} records, {:.1f} MB, of {} files; appended again and again until 1 GiB is in\n",
             count(input.records.size()), static_cast<double>(input.record_bytes) / 1e6, input.contents.size());
  demo(log_directory, input.records).run();
  if (keep) {
    fmt::print("kept: {}\n", log_directory.string());
  } else {
    std::filesystem::remove_all(log_directory);
  }
  return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    return run(std::span(arguments, static_cast<std::size_t>(argument_count)).subspan(1));
  } catch (const std::exception& e) {
    fmt::print(stderr, "varve_demo: {}\n", e.what());
    return 1;
  }
}
