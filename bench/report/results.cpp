// SPDX-License-Identifier: MIT
#include "results.hpp"

#include <algorithm>
#include <fstream>

#include <nlohmann/json.hpp>

namespace report {
namespace {

/// Google Benchmark adds how it ran a benchmark to its name.
std::string plain_name(std::string name) {
  const auto end = name.find("/iterations:");
  if (end != std::string::npos) name.resize(end);
  return name;
}

}  // namespace

std::expected<results, std::string> results::load(const std::filesystem::path& directory) {
  results all;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in{entry.path()};
    const auto file = nlohmann::json::parse(in, nullptr, false);
    if (!file.is_object() || !file.contains("context") || !file.contains("benchmarks"))
      return std::unexpected(entry.path().string() + ": no results of a benchmark program");
    for (const auto& [key, value] : file["context"].items())
      all.context_[key] = value.is_string() ? value.get<std::string>() : value.dump();
    for (const auto& run : file["benchmarks"]) {
      const auto name = plain_name(run.value("name", std::string{}));
      if (run.value("error_occurred", false))
        return std::unexpected(name + ": " + run.value("error_message", std::string{}));
      if (run.value("run_type", std::string{}) != "iteration") continue;
      for (const auto& [key, value] : run.items())
        if (value.is_number_float()) all.values_[name][key].push_back(value.get<double>());
    }
  }
  for (auto& [name, counters] : all.values_)
    for (auto& [counter, values] : counters) std::ranges::sort(values);
  return all;
}

const std::vector<double>* results::values(const std::string& benchmark, const std::string& counter) const {
  const auto counters = values_.find(benchmark);
  if (counters == values_.end()) return nullptr;
  const auto found = counters->second.find(counter);
  return found == counters->second.end() ? nullptr : &found->second;
}

std::optional<double> results::median(const std::string& benchmark, const std::string& counter) const {
  const auto* const sorted = values(benchmark, counter);
  if (!sorted) return std::nullopt;
  return (*sorted)[sorted->size() / 2];
}

std::optional<double> results::spread(const std::string& benchmark, const std::string& counter) const {
  const auto* const sorted = values(benchmark, counter);
  if (!sorted) return std::nullopt;
  return 100 * (sorted->back() - sorted->front()) / (*sorted)[sorted->size() / 2];
}

std::size_t results::repetitions(const std::string& benchmark) const {
  const auto* const found = values(benchmark, "ns_per_record");
  return found ? found->size() : 0;
}

std::string results::context(const std::string& key) const {
  const auto found = context_.find(key);
  return found == context_.end() ? std::string{} : found->second;
}

}  // namespace report
