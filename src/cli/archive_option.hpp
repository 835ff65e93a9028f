// SPDX-License-Identifier: MIT
//
// archive_option.hpp - a directory in which a log is archived, and how. Layer tool.
#pragma once

#include <string>

#include <varve/archiver.hpp>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace varve::cli {

/// --compress
CLI::Option* add_compression(CLI::App& app, int& level);

/// Makes the archive in `directory` if nothing is there. Throws failure, also if it is the archive of a log that is not
/// `log`.
[[nodiscard]] archiver open_archive(const std::string& directory, int level, const std::string& log);

}  // namespace varve::cli
