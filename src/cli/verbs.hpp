// SPDX-License-Identifier: MIT
//
// verbs.hpp - the verbs of the tool; each has a file of its own. Layer tool.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "cli/exit_code.hpp"
#include "cli/output.hpp"

namespace CLI {
class App;
class Option;
class Validator;
}  // namespace CLI

namespace varve::cli {

/// What a verb does once its options are parsed. Throws failure and closed_pipe.
using action = std::function<exit_code(output&)>;

/// Each adds its options and help to `app`, and returns its action.
[[nodiscard]] action set_up_create(CLI::App& app);
[[nodiscard]] action set_up_append(CLI::App& app);
[[nodiscard]] action set_up_cat(CLI::App& app);
[[nodiscard]] action set_up_get(CLI::App& app);
[[nodiscard]] action set_up_tail(CLI::App& app);
[[nodiscard]] action set_up_ls(CLI::App& app);
[[nodiscard]] action set_up_stat(CLI::App& app);
[[nodiscard]] action set_up_verify(CLI::App& app);
[[nodiscard]] action set_up_recover(CLI::App& app);
[[nodiscard]] action set_up_salvage(CLI::App& app);
[[nodiscard]] action set_up_copy(CLI::App& app);
[[nodiscard]] action set_up_index(CLI::App& app);
[[nodiscard]] action set_up_trim(CLI::App& app);
[[nodiscard]] action set_up_truncate(CLI::App& app);
[[nodiscard]] action set_up_retain(CLI::App& app);
[[nodiscard]] action set_up_backup(CLI::App& app);
[[nodiscard]] action set_up_upgrade(CLI::App& app);
[[nodiscard]] action set_up_archive(CLI::App& app);
[[nodiscard]] action set_up_expand(CLI::App& app);
[[nodiscard]] action set_up_bench(CLI::App& app);
[[nodiscard]] action set_up_completion(CLI::App& app);

// ---- shared by the set-ups

void add_directory(CLI::App& app, std::string& directory);
void add_json(CLI::App& app, bool& json, const std::string& meaning = "Report as JSON, errors too");
/// --threads: how many read segments; 0 is as many as there are processors.
void add_threads(CLI::App& app, std::uint32_t& threads);
/// `examples` are whole lines.
void set_footer(CLI::App& app, std::string_view examples);

inline constexpr std::uint64_t sequence_max = (std::uint64_t{1} << 63) - 1;

/// Accepts all but "", which scripts pass for a variable that is not set.
[[nodiscard]] CLI::Validator path_with_a_name();

/// Accepts decimal numbers from `low` to `high`; CLI11's own conversion would take 010 for eight.
[[nodiscard]] CLI::Validator number_between(std::uint64_t low, std::uint64_t high);
/// Accepts sizes as parse_size() reads them, from `low` to `high` in steps of `step`.
[[nodiscard]] CLI::Validator size_between(std::uint64_t low, std::uint64_t high, std::uint64_t step);
/// Accepts times as parse_duration() reads them, likewise; the option gets the number of microseconds.
[[nodiscard]] CLI::Validator duration_between(std::chrono::microseconds low, std::chrono::microseconds high,
                                              std::chrono::microseconds step);
[[nodiscard]] CLI::Validator bytes_up_to(std::size_t most);

}  // namespace varve::cli
