// SPDX-License-Identifier: MIT

#include "cli/exit_code.hpp"

namespace varve::cli {

// No default: the compiler names the code that is missing here.
exit_code exit_code_of(errc code) noexcept {
  switch (code) {
    case errc::not_yet:
    case errc::past_end:
    case errc::trimmed:
    case errc::truncated:
    case errc::abandoned: return exit_code::findings;
    case errc::bad_option:
    case errc::too_large: return exit_code::usage;
    case errc::damaged:
    case errc::incomplete:
    case errc::would_cut: return exit_code::damaged;
    case errc::locked: return exit_code::locked;
    case errc::not_found:
    case errc::not_a_log:
    case errc::is_archive:
    case errc::newer_format:
    case errc::older_format:
    case errc::unsupported_file_system:
    case errc::no_space:
    case errc::sync_failed:
    case errc::io:
    case errc::out_of_memory:
    case errc::would_block_itself:
    case errc::timed_out:
    case errc::forked:
    case errc::closed:
    case errc::cancelled:
    case errc::bug: return exit_code::system;
  }
  return exit_code::system;
}

const std::string_view exit_code_help =
    "Exit codes:\n"
    "  0    fine\n"
    "  1    findings, or the record is not there (not yet, trimmed, truncated, abandoned)\n"
    "  2    wrong usage or input\n"
    "  3    system error, or the directory holds no log that can be used\n"
    "  4    damaged, or records would be cut, and refused\n"
    "  5    another writer has the log\n"
    "  141  whoever read standard output has closed it\n"
    "  128+n, n a signal: it was ended by it; 129 SIGHUP, 130 SIGINT, 143 SIGTERM";

}  // namespace varve::cli
