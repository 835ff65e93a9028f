// SPDX-License-Identifier: MIT
//
// failure.hpp - why a verb gives up: an error of the library, of the operating system or of the input, in one shape.
// Layer tool.
//
// Inside the tool a failure is thrown; main() reports it on standard error and exits with its code.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include <varve/error.hpp>
#include <varve/recovery.hpp>

#include "cli/exit_code.hpp"
#include "cli/framing.hpp"

namespace varve::cli {

struct failure : std::exception {
  exit_code exit = exit_code::system;
  std::string code;     // a name of errc, or one of the tool's own: usage, exists, signal, bad_input
  std::string message;  // one sentence for people
  std::string path;
  input_place place;  // in the input that path names
  std::uint64_t segment = 0, offset = 0, first_sequence = 0, last_sequence = 0, limit = 0;
  std::uint64_t cut_records = 0, cut_bytes = 0;  // that were not cut: it refuses instead
  int os_errno = 0;
  std::optional<recovery_report> recovered{};  // what had been done to the log before it failed

  [[nodiscard]] const char* what() const noexcept override { return message.c_str(); }
};

[[nodiscard]] failure failure_of(const error& e);

/// Of a verb that only reads, to which a log that is not there is no reason to make one.
[[nodiscard]] failure failure_to_read(const error& e);

/// Of a verb that opens the log in `directory` for writing: which parent is missing, and which flag is meant.
[[nodiscard]] failure failure_to_write(const error& e, const std::string& directory);

/// A system call of the tool itself that failed. `doing` reads like "reading".
[[nodiscard]] failure system_failure(std::string_view doing, std::string path, int os_errno);

/// Something the caller has to correct.
[[nodiscard]] failure usage_failure(std::string code, std::string message, std::string path = {});

/// A signal ended the verb, which has removed what it had begun to make in `path`.
[[nodiscard]] failure signal_failure(int number, const std::string& path);

/// Something is there already where something new was to be made. 3: a script has to correct the path.
[[nodiscard]] failure exists_failure(const std::string& path);

/// Something in the input, which the message then names: "INPUT, line 3: WHAT", or "INPUT, record 3 at byte 40: WHAT".
[[nodiscard]] failure input_failure(std::string code, const std::string& input_name, const input_place& place,
                                    std::string_view what);

/// {"code":..,"message":..,"path":..,"segment":..,"offset":..,"sequences":{"first":..,"last":..},"errno":..}; what is not
/// concerned is null. A path that is not UTF-8 is "path_base64". "line", or "record" and "byte", "limit", "cut_records" and
/// "cut_bytes", and "recovery" are there only if they say something.
[[nodiscard]] nlohmann::ordered_json to_json(const failure& f);

/// One line on standard error: "varve VERB: MESSAGE", or {"error":{..}}.
void report(const failure& f, std::string_view verb, bool as_json) noexcept;

template <class T>
[[nodiscard]] T take(result<T>&& r) {
  if (!r) throw failure_of(r.error());
  return std::move(*r);
}

inline void check(const result<void>& r) {
  if (!r) throw failure_of(r.error());
}

}  // namespace varve::cli
