// SPDX-License-Identifier: MIT

#include "cli/durability_option.hpp"

#include <chrono>
#include <limits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/failure.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

using namespace std::chrono_literals;

// Who names no other. Arbitrary: a sync of a good device, and what a person takes for at once.
constexpr std::chrono::microseconds usual_window = 200us;
constexpr std::chrono::milliseconds usual_interval = 50ms;

void refuse_foreign(std::uint64_t value, std::string_view flag, std::string_view owner, std::string_view policy) {
  if (value == 0 || policy == owner) return;
  throw usage_failure("usage", fmt::format("{} goes with --durability {}, not with {}", flag, owner, policy));
}

}  // namespace

void add_durability(CLI::App& app, durability_options& options) {
  constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();
  app.add_option("--durability", options.policy,
                 "none: durable when the log is closed; immediate: before each append returns; grouped: likewise, but it "
                 "waits for others to share a sync; periodic: in the background [none]")
      ->check(CLI::IsMember({"none", "immediate", "grouped", "periodic"}))
      ->option_text("none|immediate|grouped|periodic");
  app.add_option("--window", options.window_us, "grouped: how long the first append waits for others [200us]")
      ->transform(duration_between(1us, 10s, 1us))
      ->option_text("TIME");
  app.add_option("--interval", options.interval_us, "periodic: how long an append stays without being durable [50ms]")
      ->transform(duration_between(1ms, 24h, 1ms))
      ->option_text("TIME");
  app.add_option("--records", options.records, "periodic: earlier, when so many records are not durable [no limit]")
      ->transform(number_between(1, no_limit))
      ->option_text("N");
  app.add_option("--bytes", options.bytes, "periodic: earlier, when so many bytes are not durable [no limit]")
      ->transform(size_between(1, no_limit, 1))
      ->option_text("SIZE");
}

durability durability_of(const durability_options& options) {
  refuse_foreign(options.window_us, "--window", "grouped", options.policy);
  refuse_foreign(options.interval_us, "--interval", "periodic", options.policy);
  refuse_foreign(options.records, "--records", "periodic", options.policy);
  refuse_foreign(options.bytes, "--bytes", "periodic", options.policy);
  if (options.policy == "immediate") return immediate();
  if (options.policy == "grouped") {
    return grouped(options.window_us == 0 ? usual_window : std::chrono::microseconds(options.window_us));
  }
  if (options.policy == "periodic") {
    const auto interval = std::chrono::milliseconds(options.interval_us / 1000);
    return periodic(options.interval_us == 0 ? usual_interval : interval, options.records, options.bytes);
  }
  return none();
}

}  // namespace varve::cli
