// SPDX-License-Identifier: MIT

#include "cli/failure.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "cli/findings.hpp"
#include "cli/json.hpp"

namespace varve::cli {
namespace {

std::string without_slashes_behind(std::string directory) {
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
}

// The library names an option by its member.
std::string flag_of(std::string_view option) {
  if (option == "segment_bytes") return "segment-size";
  std::string flag(option);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

}  // namespace

failure failure_of(const error& e) {
  failure f;
  f.exit = exit_code_of(e.code());
  f.code = name_of(e.code());
  f.message = e.message();
  f.path = e.path();
  f.segment = e.segment();
  f.offset = e.offset();
  f.first_sequence = e.first_sequence();
  f.last_sequence = e.last_sequence();
  f.limit = e.limit();
  f.os_errno = e.os_errno();
  return f;
}

failure failure_to_read(const error& e) {
  failure f = failure_of(e);
  const std::string why = e.os_errno() == 0 ? "" : fmt::format(" ({})", std::strerror(e.os_errno()));
  if (e.code() == errc::not_found) f.message = fmt::format("{}: there is no log here{}; check the path", f.path, why);
  if (e.code() == errc::not_a_log) f.message = fmt::format("{}: this is no log{}; check the path", f.path, why);
  return f;
}

failure failure_to_write(const error& e, const std::string& directory) {
  failure f = failure_of(e);
  if (e.code() == errc::not_found) {
    const std::filesystem::path parent = std::filesystem::path(without_slashes_behind(directory)).parent_path();
    std::error_code unknown;
    if (!parent.empty() && std::filesystem::status(parent, unknown).type() == std::filesystem::file_type::not_found) {
      f.message = fmt::format("{}: the parent directory {} is missing; make it first, or check the path", directory,
                              parent.string());
    }
  }
  if (e.code() == errc::bad_option) {
    // The command line has been checked, so it is what the log was made with that does not agree.
    f.path = "--" + flag_of(f.path);
    f.message = fmt::format("{}: a log is in {} already, and was made with another value", f.path, directory);
  }
  return f;
}

failure system_failure(std::string_view doing, std::string path, int os_errno) {
  failure f;
  f.code = name_of(errc::io);
  f.message = fmt::format("{} {}: {}", doing, path, std::strerror(os_errno));
  f.path = std::move(path);
  f.os_errno = os_errno;
  return f;
}

failure usage_failure(std::string code, std::string message, std::string path) {
  failure f;
  f.exit = exit_code::usage;
  f.code = std::move(code);
  f.message = std::move(message);
  f.path = std::move(path);
  return f;
}

failure signal_failure(int number, const std::string& path) {
  failure f;
  f.exit = exit_code_of_signal(number);
  f.code = "signal";
  f.message = fmt::format("ended by signal {}; nothing is left of {}", number, path);
  f.path = path;
  return f;
}

failure exists_failure(const std::string& path) {
  failure f;
  f.code = "exists";
  f.message = fmt::format("{} is there already; choose another name", path);
  f.path = path;
  return f;
}

failure input_failure(std::string code, const std::string& input_name, const input_place& place, std::string_view what) {
  const std::string where = place.unit == framing::lines ? fmt::format("line {}", place.number)
                                                         : fmt::format("record {} at byte {}", place.number, place.byte);
  failure f = usage_failure(std::move(code), fmt::format("{}, {}: {}", input_name, where, what), input_name);
  f.place = place;
  return f;
}

nlohmann::ordered_json to_json(const failure& f) {
  using nlohmann::ordered_json;
  const auto known = [](std::uint64_t n) { return n == 0 ? ordered_json{} : ordered_json(n); };
  ordered_json j;
  j["code"] = f.code;
  j["message"] = f.message;
  if (f.path.empty()) {
    j["path"] = {};
  } else {
    add_bytes(j, "path", "path_base64", f.path);
  }
  j["segment"] = known(f.segment);
  j["offset"] = known(f.offset);
  j["sequences"] = f.first_sequence == 0 ? ordered_json{} : sequences_json(f.first_sequence, f.last_sequence);
  j["errno"] = f.os_errno == 0 ? ordered_json{} : ordered_json(f.os_errno);
  if (f.place.number != 0) {
    j[f.place.unit == framing::lines ? "line" : "record"] = f.place.number;
    if (f.place.unit != framing::lines) j["byte"] = f.place.byte;
  }
  if (f.limit != 0) j["limit"] = f.limit;
  if (f.cut_records != 0 || f.cut_bytes != 0) {
    j["cut_records"] = f.cut_records;
    j["cut_bytes"] = f.cut_bytes;
  }
  if (f.recovered) j["recovery"] = recovery_json(*f.recovered);
  return j;
}

void report(const failure& f, std::string_view verb, bool as_json) noexcept {
  try {
    std::string line;
    if (as_json) {
      line = one_line({{"error", to_json(f)}});
    } else {
      line = fmt::format("varve{}{}: {}\n", verb.empty() ? "" : " ", verb, f.message);
    }
    // Nobody is left to be told if this fails.
    static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
  } catch (...) {
    static_cast<void>(std::fputs("varve: out of memory while reporting an error\n", stderr));
  }
}

}  // namespace varve::cli
