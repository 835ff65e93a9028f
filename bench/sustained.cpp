// SPDX-License-Identifier: MIT
//
// sustained - one thread appends more than memory is allowed to keep dirty: throughput, and how long single appends take.
//
// varve rolls here, and waits for new segments and for the device. "floor" is the bare loop over files that are prepared in
// the same way, whose bytes the kernel writes when it likes; "floor_synced" also makes each file durable once it has ended,
// and waits as varve does when the device falls behind. Latencies are taken in laps of their own, from the end of one append
// to the end of the next, so they contain one reading of the clock; throughput is that of laps without.
#include <string_view>

#include <varve/varve.hpp>

#include "floor_chain.hpp"
#include "histogram.hpp"
#include "payload.hpp"
#include "program.hpp"
#include "team.hpp"

namespace bench {
namespace {

std::uint64_t records_of(std::size_t payload_bytes) { return chosen().sustained_bytes / floor_extent(payload_bytes); }

class varve_run {
 public:
  explicit varve_run(const std::filesystem::path& directory) : log_{varve::log::open(directory / "log")} {}
  bool append(std::string_view payload) noexcept { return log_ && log_->append(payload).has_value(); }
  std::string why() { return log_ ? "an append failed" : log_.error().message(); }
  std::string check(std::uint64_t records) const {
    return log_->published_sequence().value == records ? std::string{} : "records are missing";
  }

 private:
  varve::result<varve::log> log_;
};

template <bool synced>
class floor_run {
 public:
  explicit floor_run(const std::filesystem::path& directory) : chain_{{.directory = directory, .sync_ended = synced}} {}
  bool append(std::string_view payload) { return chain_.append(payload); }
  std::string why() const { return chain_.why(); }
  std::string check(std::uint64_t) const { return {}; }

 private:
  floor_chain chain_;
};

template <class Run>
void throughput_lap(benchmark::State& state, std::size_t payload_bytes) {
  const scratch place{"sustained"};
  Run run{place.path()};
  const payloads source{payload_bytes};
  const std::uint64_t records = records_of(payload_bytes);
  const auto begin = clock::now();
  for (std::uint64_t i = 0; i < records; ++i)
    if (!run.append(source[i])) return fail_lap(state, run.why());
  const double seconds = seconds_between(begin, clock::now());
  if (const auto wrong = run.check(records); !wrong.empty()) return fail_lap(state, wrong);
  report_lap(state, records, seconds);
  state.counters["bytes_per_second"] = static_cast<double>(records * payload_bytes) / seconds;
}

template <class Run>
void latency_lap(benchmark::State& state, std::size_t payload_bytes) {
  const scratch place{"sustained"};
  Run run{place.path()};
  const payloads source{payload_bytes};
  const std::uint64_t records = records_of(payload_bytes);
  const auto took = std::make_unique<histogram>();
  const auto begin = clock::now();
  auto before = begin;
  for (std::uint64_t i = 0; i < records; ++i) {
    if (!run.append(source[i])) return fail_lap(state, run.why());
    const auto after = clock::now();
    took->add(static_cast<std::uint64_t>(std::chrono::nanoseconds{after - before}.count()));
    before = after;
  }
  if (const auto wrong = run.check(records); !wrong.empty()) return fail_lap(state, wrong);
  report_lap(state, records, seconds_between(begin, before));
  for (const auto& [name, share] : {std::pair{"p50", 0.5},
                                    {"p90", 0.9},
                                    {"p99", 0.99},
                                    {"p99.9", 0.999},
                                    {"p99.99", 0.9999},
                                    {"p99.999", 0.99999},
                                    {"p99.9999", 0.999999}})
    state.counters[name] = static_cast<double>(took->quantile(share));
  state.counters["max"] = static_cast<double>(took->largest());
}

template <class Run>
void declare(const std::string& name) {
  for (const std::size_t bytes : {std::size_t{128}, std::size_t{1024}}) {
    const std::string of = "/" + name + "/" + std::to_string(bytes) + "_B";
    declare_lap("sustained" + of, [=](auto& state) { throughput_lap<Run>(state, bytes); });
    declare_lap("latency" + of, [=](auto& state) { latency_lap<Run>(state, bytes); });
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, [] {
    bench::declare<bench::varve_run>("varve");
    bench::declare<bench::floor_run<false>>("floor");
    bench::declare<bench::floor_run<true>>("floor_synced");
  });
}
