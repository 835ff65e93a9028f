// SPDX-License-Identifier: MIT

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {

void add_directory(CLI::App& app, std::string& directory) {
  app.add_option("DIR", directory, "The log's directory")->required()->option_text(" ");
}

void add_json(CLI::App& app, bool& json, const std::string& meaning) { app.add_flag("--json", json, meaning); }

void set_footer(CLI::App& app, std::string_view examples) {
  app.footer(fmt::format("\nExample:\n{}\n{}", examples, exit_code_help));
}

CLI::Validator number_between(std::uint64_t low, std::uint64_t high) {
  return {[low, high](std::string& text) -> std::string {
            const auto number = parse_number(text);
            if (!number || *number < low || *number > high) {
              return fmt::format("{} is not a number from {} to {}", text, low, high);
            }
            text = fmt::format("{}", *number);
            return {};
          },
          ""};
}

CLI::Validator size_in_bytes() {
  return {[](std::string& text) -> std::string {
            const auto bytes = parse_size(text);
            if (!bytes) return fmt::format("{} is not a size; write 65536, 64K, 64KiB, 64MiB or 1GiB", text);
            text = fmt::format("{}", *bytes);
            return {};
          },
          ""};
}

}  // namespace varve::cli
