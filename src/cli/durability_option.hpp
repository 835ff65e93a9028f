// SPDX-License-Identifier: MIT
//
// durability_option.hpp - --durability, and the options that belong to one policy each. Layer tool.
#pragma once

#include <cstdint>
#include <string>

#include <varve/durability.hpp>

namespace CLI {
class App;
}  // namespace CLI

namespace varve::cli {

/// 0: not named.
struct durability_options {
  std::string policy = "none";
  std::uint64_t window_us = 0, interval_us = 0, records = 0, bytes = 0;
};

void add_durability(CLI::App& app, durability_options& options);

/// Throws failure if an option was named that does not belong to the policy.
[[nodiscard]] durability durability_of(const durability_options& options);

}  // namespace varve::cli
