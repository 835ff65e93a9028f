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

/// Throws failure.
[[nodiscard]] archiver open_archive(const std::string& directory, int level);

}  // namespace varve::cli
