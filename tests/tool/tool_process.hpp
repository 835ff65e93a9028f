// SPDX-License-Identifier: MIT
//
// tool_process.hpp - runs the built tool as a shell would, and says what it printed. VARVE_TOOL is the path of the tool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/temp_dir.hpp"

namespace varve::testing {

/// What its standard output is connected to.
enum class sink : std::uint8_t { captured, closed_pipe, full_device, nothing };

struct ran {
  int exit_code = -1;  // 128 + signal if one killed it
  std::string out, err;

  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out); }
  /// The object under "error" on standard error.
  [[nodiscard]] nlohmann::json error() const { return nlohmann::json::parse(err).at("error"); }
};

[[nodiscard]] ran run(const std::vector<std::string>& arguments, std::string_view input = {}, sink out = sink::captured);

class descriptor;

/// The tool while it runs, with a pipe for its input that stays open. Destroyed before wait(), it is killed.
class running_tool {
 public:
  enum class hangup : std::uint8_t { fatal, ignored };  // ignored: as nohup starts it

  /// out  where it prints; captured if -1.
  explicit running_tool(const std::vector<std::string>& arguments, int out = -1, hangup on_hangup = hangup::fatal);
  running_tool(const running_tool&) = delete;
  running_tool& operator=(const running_tool&) = delete;
  ~running_tool();

  void write(std::string_view bytes);
  void close_input();
  void send(int signal) const;
  /// Until it has ended.
  [[nodiscard]] ran wait();

 private:
  std::unique_ptr<descriptor> input_, results_, complaints_;
  int child_ = 0;
};

/// Asks again and again, for a minute at most. Returns the last answer.
[[nodiscard]] bool comes_true(const std::function<bool()>& condition);

/// A directory for one test, with a log in it that is not there yet.
struct place {
  temp_dir directory;
  std::string log = (directory.path() / "log").string();

  [[nodiscard]] std::string file(const std::string& name) const { return (directory.path() / name).string(); }
};

void write_file(const std::string& path, std::string_view content);

/// Every file under a directory, by name, with its content and time of last change.
[[nodiscard]] std::map<std::string, std::string> snapshot(const std::filesystem::path& directory);

/// Changes one bit of the one place under `directory` where `bytes` stand. Returns the offset in its file.
std::uint64_t flip_bit_of(const std::filesystem::path& directory, std::string_view bytes);

/// Changes one bit at an offset.
void flip_bit_at(const std::filesystem::path& file, std::uint64_t offset);

/// "line 1\n" to "line COUNT\n".
[[nodiscard]] std::string numbered_lines(std::size_t count);

}  // namespace varve::testing
