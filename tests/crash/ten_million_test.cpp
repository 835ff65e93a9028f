// SPDX-License-Identifier: MIT
//
// Many appends of 128 bytes from four threads, complete and in the order of each, in process, and again after kill -9. The
// hidden test takes ten million, or VARVE_APPENDS.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "support/authorship.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/dice.hpp"
#include "support/shared_memory.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace varve::testing;
using seconds = std::chrono::duration<double>;

constexpr std::uint32_t writers = 4;
constexpr std::size_t record_bytes = 128;

struct outcome {
  std::atomic<std::uint32_t> complete;
  double append_seconds, read_seconds;
  std::uint64_t rolls;
  char complaint[256];

  int fail(const std::string& what) {
    static_cast<void>(std::snprintf(complaint, sizeof complaint, "%s", what.c_str()));
    return 1;
  }
};

/// Each writer's own counter comes back complete and in its order, and its payload is what follows from the counter.
std::string check(const varve::log& log, std::uint64_t of_each) {
  std::uint64_t next[writers] = {};
  for (const auto& r : log.records()) {
    if (!r) return r.error().message();
    const auto writer = r->type();
    if (writer >= writers || r->payload().size() != record_bytes ||
        !is_payload_of({.life = 1, .writer = writer, .counter = next[writer]}, r->payload()))
      return "sequence " + std::to_string(r->sequence().value) + " is not what comes next of its writer";
    ++next[writer];
  }
  for (std::uint32_t w = 0; w < writers; ++w)
    if (next[w] != of_each) return "of writer " + std::to_string(w) + " there are " + std::to_string(next[w]);
  return {};
}

std::string append_all(varve::log& log, std::uint64_t of_each) {
  std::atomic<std::uint32_t> failures = 0;
  std::vector<std::thread> threads;
  for (std::uint32_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      std::byte payload[record_bytes];
      for (std::uint64_t counter = 0; counter < of_each; ++counter) {
        write_payload({.life = 1, .writer = w, .counter = counter}, payload);
        if (!log.append(payload, {.type = static_cast<std::uint16_t>(w)})) ++failures;
      }
    });
  for (auto& t : threads) t.join();
  return failures == 0 ? std::string{} : std::to_string(failures) + " appends failed";
}

int append_read_and_die(const std::filesystem::path& directory, std::uint64_t of_each, outcome& o) {
  auto log = varve::log::open(directory);
  if (!log) return o.fail(log.error().message());
  const auto begun = std::chrono::steady_clock::now();
  if (const auto complaint = append_all(*log, of_each); !complaint.empty()) return o.fail(complaint);
  const auto appended = std::chrono::steady_clock::now();
  if (const auto complaint = check(*log, of_each); !complaint.empty()) return o.fail("in process: " + complaint);
  o.append_seconds = seconds{appended - begun}.count();
  o.read_seconds = seconds{std::chrono::steady_clock::now() - appended}.count();
  o.rolls = log->stats().rolls;
  o.complete = 1;
  die_here();
}

void run(std::uint64_t appends) {
  const temp_dir dir;
  const std::uint64_t of_each = appends / writers;
  const shared_memory<outcome> o;
  child_process child{[&] { return append_read_and_die(dir.path(), of_each, *o); }};
  child.wait();
  INFO(o->complaint);
  REQUIRE(child.was_killed());
  REQUIRE(o->complete == 1);

  const auto begun = std::chrono::steady_clock::now();
  auto log = varve::log::open(dir.path());
  REQUIRE(log.has_value());
  const auto opened = std::chrono::steady_clock::now();
  CHECK(!log->recovery().clean);
  CHECK(log->recovery().kept == of_each * writers);
  CHECK(log->recovery().stepped_over == 0);
  CHECK(log->recovery().cut_records == 0);
  CHECK(check(*log, of_each) == "");
  const auto read = std::chrono::steady_clock::now();
  const double all = static_cast<double>(of_each * writers);
  std::printf(
      "%.0f appends of %zu B from %u threads: %.2f s, %.2f M/s, %llu rolls; read and compared in process in %.2f s; "
      "kill -9, opened again in %.2f s, read and compared in %.2f s: complete and in order, losses: 0\n",
      all, record_bytes, writers, o->append_seconds, all / 1e6 / o->append_seconds,
      static_cast<unsigned long long>(o->rolls), o->read_seconds, seconds{opened - begun}.count(),
      seconds{read - opened}.count());
  CHECK(log->close().has_value());
}

}  // namespace

TEST_CASE("two hundred thousand appends from four threads come back complete and in order, in process and after kill -9",
          "[crash][G1][G3]") {
  run(200'000);
}

TEST_CASE("ten million appends from four threads come back complete and in order, in process and after kill -9",
          "[.ten_million][crash][G1][G3][slow]") {
  run(number_from_environment("VARVE_APPENDS", 10'000'000));
}
