// SPDX-License-Identifier: MIT
//
// results.hpp - what the benchmark programs wrote: for each benchmark and counter, its value in every repetition.
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace report {

class results {
 public:
  /// Reads all .json files of a directory.
  [[nodiscard]] static std::expected<results, std::string> load(const std::filesystem::path& directory);

  /// The median, of one counter of one benchmark. Nothing if it was not run.
  [[nodiscard]] std::optional<double> median(const std::string& benchmark, const std::string& counter) const;
  /// (largest - smallest) / median, in percent.
  [[nodiscard]] std::optional<double> spread(const std::string& benchmark, const std::string& counter) const;
  [[nodiscard]] std::size_t repetitions(const std::string& benchmark) const;

  /// "cpu", "kernel" and so on; empty if it is not known.
  [[nodiscard]] std::string context(const std::string& key) const;

 private:
  [[nodiscard]] const std::vector<double>* values(const std::string& benchmark, const std::string& counter) const;
  std::map<std::string, std::map<std::string, std::vector<double>>> values_;  // sorted
  std::map<std::string, std::string> context_;
};

}  // namespace report
