// SPDX-License-Identifier: MIT

#include "cli/readable_directory.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "cli/failure.hpp"
#include "cli/progress.hpp"

namespace varve::cli {

readable_directory::readable_directory(const std::string& directory) : path_(directory) {
  if (!is_compressed_archive(directory)) return;
  temporary_.emplace();
  path_ = (temporary_->path() / "log").string();
  auto made = archive_outline::make(directory, path_);
  if (!made) throw why_not(made.error());
  outline_.emplace(std::move(*made));
}

bool readable_directory::expand_for(const error& e) {
  if (!outline_ || e.code() != errc::damaged) return false;
  const auto unfilled = outline_->unfilled();
  if (std::ranges::find(unfilled, e.segment()) == unfilled.end()) return false;
  expand(e.segment());
  return true;
}

void readable_directory::expand_all() {
  if (!outline_) return;
  progress line;
  const auto numbers = outline_->unfilled();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    line.tick([&] { return fmt::format("expanding the archive: {} of {} segments", i, numbers.size()); });
    expand(numbers[i]);
  }
}

void readable_directory::expand(std::uint64_t segment) {
  if (const auto done = outline_->fill(segment); !done) throw why_not(done.error());
}

/// Of what happens under $TMPDIR that is to be named, not a directory of which nobody knows.
failure readable_directory::why_not(const error& e) const {
  removal_at_signal::yield_to_signal();
  if (!e.path().starts_with(temporary_->path().native())) return failure_to_read(e);
  failure f = failure_of(e);
  f.path = temporary_directory::base();
  f.message = fmt::format("{}: an archive is expanded there, which failed ({}); set $TMPDIR to a directory that has room",
                          f.path, e.os_errno() == 0 ? std::string{name_of(e.code())} : std::strerror(e.os_errno()));
  return f;
}

}  // namespace varve::cli
