// SPDX-License-Identifier: MIT

#include "cli/readable_directory.hpp"

#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <future>
#include <system_error>

#include <fmt/format.h>

#include <varve/archiver.hpp>

#include "cli/failure.hpp"
#include "cli/progress.hpp"

namespace varve::cli {
namespace {

std::filesystem::path make_temporary() {
  const char* const chosen = std::getenv("TMPDIR");
  const std::filesystem::path base = chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
  std::string pattern = base / ("varve-archive-" + std::string(6, 'X'));
  if (::mkdtemp(pattern.data()) == nullptr) throw system_failure("making", pattern, errno);
  return pattern;
}

/// How much there will be is not known before it is there, so only the time is shown.
void expand(const std::string& from, const std::filesystem::path& to) {
  progress line;
  const auto start = std::chrono::steady_clock::now();
  auto expanding = std::async(std::launch::async, [&] { return expand_archive(from, to); });
  while (expanding.wait_for(std::chrono::milliseconds{100}) != std::future_status::ready) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    line.tick([&] { return fmt::format("expanding the archive: {:.1f} s", passed.count()); });
  }
  line.erase();
  if (const auto done = expanding.get(); !done) throw failure_to_read(done.error());
}

}  // namespace

readable_directory::readable_directory(const std::string& directory) : path_(directory) {
  if (!is_compressed_archive(directory)) return;
  temporary_ = make_temporary();
  try {
    expand(directory, temporary_ / "log");
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(temporary_, ignored);
    throw;
  }
  path_ = (temporary_ / "log").string();
}

readable_directory::~readable_directory() {
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
}

}  // namespace varve::cli
