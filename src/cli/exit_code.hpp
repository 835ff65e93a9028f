// SPDX-License-Identifier: MIT
//
// exit_code.hpp - what the tool tells the shell. Layer tool.
//
// One code = one thing a script does next, so the codes are fewer than those of varve::errc:
//
//   code          errc                                             what a script does
//   0 fine        -                                                goes on
//   1 findings    not_yet past_end trimmed abandoned; and what     asks for another record, or looks closer
//                 verify finds
//   2 usage       bad_option too_large; the command line; input    corrects the command or its input
//                 that is no JSON
//   3 system      not_found not_a_log is_archive newer_format      corrects the path, or mends the machine. Not 1: a wrong
//                 unsupported_file_system no_space sync_failed     path must not look like a record that is not there
//                 io out_of_memory would_block_itself
//                 timed_out forked closed bug
//   4 damaged     damaged would_cut                                restores the log; `varve verify` names the places. Or
//                                                                  cuts a torn end by `varve recover`, and tries again
//   5 locked      locked                                           waits for the other writer
//   141 pipe      EPIPE on standard output                         nothing: 128 + SIGPIPE is what a shell reports of every
//                                                                  other tool. Not 0: `verify | head` must not say "whole"
//   128+n         a signal that ended the input of append, or      what it does when a signal ends another tool; the log is
//                 a follower                                       closed, and the report is there
#pragma once

#include <string_view>

#include <varve/error.hpp>

namespace varve::cli {

enum class exit_code : int { fine = 0, findings = 1, usage = 2, system = 3, damaged = 4, locked = 5, closed_pipe = 141 };

[[nodiscard]] exit_code exit_code_of(errc code) noexcept;

/// 128 + n.
[[nodiscard]] constexpr exit_code exit_code_of_signal(int number) noexcept { return static_cast<exit_code>(128 + number); }

/// The table for the foot of every help text.
extern const std::string_view exit_code_help;

}  // namespace varve::cli
