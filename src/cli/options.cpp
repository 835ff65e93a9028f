// SPDX-License-Identifier: MIT

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {

void add_directory(CLI::App& app, std::string& directory) {
  app.add_option("DIR", directory, "The log's directory")->required()->check(path_with_a_name())->option_text(" ");
}

void add_json(CLI::App& app, bool& json, const std::string& meaning) { app.add_flag("--json", json, meaning); }

void add_threads(CLI::App& app, std::uint32_t& threads) {
  app.add_option("--threads", threads, "Check segments on so many threads; 0: as many as there are processors [1]")
      ->transform(number_between(0, 64))
      ->option_text("N");
}

void set_footer(CLI::App& app, std::string_view examples) {
  app.footer(fmt::format("\nExample:\n{}\n{}", examples, exit_code_help));
}

CLI::Validator path_with_a_name() {
  return {[](const std::string& path) { return path.empty() ? std::string("the path \"\" is empty") : std::string(); }, ""};
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

CLI::Validator size_between(std::uint64_t low, std::uint64_t high, std::uint64_t step) {
  return {[low, high, step](std::string& text) -> std::string {
            const auto bytes = parse_size(text);
            if (!bytes) return fmt::format("{} is not a size; write 65536, 64K, 64KiB, 64MiB or 1GiB", text);
            if (*bytes < low || *bytes > high || *bytes % step != 0) {
              return fmt::format("{} is not a size from {} to {} in steps of {}", text, size_text(low), size_text(high),
                                 size_text(step));
            }
            text = fmt::format("{}", *bytes);
            return {};
          },
          ""};
}

CLI::Validator duration_between(std::chrono::microseconds low, std::chrono::microseconds high,
                                std::chrono::microseconds step) {
  return {[low, high, step](std::string& text) -> std::string {
            const auto duration = parse_duration(text);
            if (!duration) return fmt::format("{} is not a time; write 200us, 5ms or 1s", text);
            if (*duration < low || *duration > high || *duration % step != std::chrono::microseconds(0)) {
              return fmt::format("{} is not a time from {} to {} in steps of {}", text, duration_text(low),
                                 duration_text(high), duration_text(step));
            }
            text = fmt::format("{}", duration->count());
            return {};
          },
          ""};
}

CLI::Validator bytes_up_to(std::size_t most) {
  return {[most](const std::string& text) -> std::string {
            if (text.size() <= most) return {};
            return fmt::format("{} bytes are too many; it takes up to {}", text.size(), most);
          },
          ""};
}

}  // namespace varve::cli
