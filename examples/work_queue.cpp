// SPDX-License-Identifier: MIT
//
// work_queue DIRECTORY add JOB...      adds jobs, all or none
// work_queue DIRECTORY work [COUNT]    does them, in order, until COUNT are done; "doing" one is printing it
//
// Two processes, two logs, each with one writer: DIRECTORY/jobs is written by who adds, DIRECTORY/done by who works. The
// worker notes each job when it is done, so one that is killed goes on where it was: a job is done at least once, and once
// if doing it and noting it are one.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

namespace {

using namespace std::chrono_literals;

int failed(const varve::error& e) { return std::fprintf(stderr, "work_queue: %s\n", e.message().c_str()), 1; }

int add(const std::filesystem::path& directory, const std::vector<std::string_view>& jobs) {
  auto log = varve::log::open(directory / "jobs");
  if (!log) return failed(log.error());
  const auto added = log->append_batch(jobs, {.durability = varve::immediate()});
  if (!added) return failed(added.error());
  const auto closed = log->close();
  return closed ? 0 : failed(closed.error());
}

/// The last job that was done; none: {}.
varve::result<varve::sequence> last_done(const varve::log& done) {
  const auto last = done.published_sequence();
  if (last == varve::sequence{}) return last;
  const auto note = done.read(last);
  if (!note) return std::unexpected(note.error());
  varve::sequence job;
  std::memcpy(&job.value, note->payload().data(), std::min(sizeof job.value, note->payload().size()));
  return job;
}

varve::result<varve::log_view> await_jobs(const std::filesystem::path& directory) {
  for (;;) {
    auto view = varve::log_view::open(directory / "jobs");
    if (view || view.error().code() != varve::errc::not_found) return view;
    std::this_thread::sleep_for(100ms);
  }
}

int work(const std::filesystem::path& directory, unsigned long count) {
  auto done = varve::log::open(directory / "done");
  if (!done) return failed(done.error());
  const auto last = last_done(*done);
  if (!last) return failed(last.error());
  const auto jobs = await_jobs(directory);
  if (!jobs) return failed(jobs.error());
  auto reader = jobs->reader(*last + 1);
  if (!reader) return failed(reader.error());
  while (count > 0) {
    const auto there = reader->wait(std::chrono::steady_clock::now() + 10s);
    if (!there) return failed(there.error());
    if (!*there) continue;
    // A job that a power loss could still take back would leave its number to another one.
    if (jobs->durable_sequence() < reader->position()) {
      std::this_thread::sleep_for(1ms);
      continue;
    }
    const auto job = reader->next();
    if (!job) return failed(job.error());
    std::printf("%.*s\n", static_cast<int>((*job)->text().size()), (*job)->text().data());
    std::fflush(stdout);
    const std::uint64_t number = (*job)->sequence().value;
    const auto noted = done->append(std::as_bytes(std::span{&number, 1}));
    if (!noted) return failed(noted.error());
    --count;
  }
  const auto closed = done->close();
  return closed ? 0 : failed(closed.error());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 2 ? argv[2] : "";
  std::error_code failure;  // then opening a log says what is wrong
  if (verb == "add" || verb == "work") std::filesystem::create_directory(argv[1], failure);
  if (verb == "add" && argc > 3) return add(argv[1], {argv + 3, argv + argc});
  if (verb == "work" && argc <= 4) return work(argv[1], argc == 4 ? std::strtoul(argv[3], nullptr, 10) : -1UL);
  return std::fputs("usage: work_queue DIRECTORY add JOB... | work [COUNT]\n", stderr), 2;
}
