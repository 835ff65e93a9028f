// SPDX-License-Identifier: MIT
//
// code_table.hpp - every code that an error can have, and the tests that produce it with its exact sentence. Two executables
// share the list: some codes need files on a disk and a process that forks, others a device that fails.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include <varve/varve.hpp>

#include "support/catch.hpp"

namespace varve::testing {

enum class produced_on { files, failing_device };

struct produced {
  errc code;
  produced_on where;
};
constexpr produced all_codes[] = {
    {errc::locked, produced_on::files},
    {errc::not_found, produced_on::files},
    {errc::not_a_log, produced_on::files},
    {errc::is_archive, produced_on::files},
    {errc::newer_format, produced_on::files},
    {errc::older_format, produced_on::files},
    {errc::bad_option, produced_on::files},
    {errc::unsupported_file_system, produced_on::failing_device},
    {errc::incomplete, produced_on::files},
    {errc::would_cut, produced_on::files},
    {errc::no_space, produced_on::failing_device},
    {errc::too_large, produced_on::files},
    {errc::not_yet, produced_on::files},
    {errc::past_end, produced_on::files},
    {errc::trimmed, produced_on::files},
    {errc::truncated, produced_on::files},
    {errc::abandoned, produced_on::files},
    {errc::damaged, produced_on::files},
    {errc::sync_failed, produced_on::failing_device},
    {errc::io, produced_on::failing_device},
    {errc::out_of_memory, produced_on::failing_device},
    {errc::would_block_itself, produced_on::files},
    {errc::timed_out, produced_on::files},
    {errc::forked, produced_on::files},
    {errc::closed, produced_on::files},
    {errc::cancelled, produced_on::files},
    {errc::bug, produced_on::files},
};

/// One way to an error, and what it then says. "DIR" stands for the log's directory, "PID" for this process.
struct code_row {
  errc code;
  const char* name;
  error (*produce)(const std::string& dir);
  const char* sentence;
};

/// The error of a result that must not be one of success.
template <class Result>
[[nodiscard]] error error_of(const Result& r) {
  REQUIRE_FALSE(r);
  return r.error();
}

[[nodiscard]] inline std::string with(std::string sentence, std::string_view word, const std::string& meaning) {
  if (const auto at = sentence.find(word); at != std::string::npos) sentence.replace(at, word.size(), meaning);
  return sentence;
}

/// A code without a row, and a row without a code, fail.
inline void check_that_all_are_there(std::span<const code_row> rows, produced_on where) {
  for (auto number = static_cast<std::uint16_t>(1); number <= static_cast<std::uint16_t>(errc::bug); ++number) {
    const auto code = static_cast<errc>(number);
    INFO(number << ", " << varve::name_of(code));
    const auto listed = std::ranges::find(all_codes, code, &produced::code);
    REQUIRE(listed != std::end(all_codes));
    CHECK((std::ranges::find(rows, code, &code_row::code) != rows.end()) == (listed->where == where));
  }
  // bug is the last one: what has no name is explained as one.
  CHECK(varve::name_of(static_cast<errc>(static_cast<std::uint16_t>(errc::bug) + 1)) == "bug");
}

}  // namespace varve::testing
