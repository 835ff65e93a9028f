// SPDX-License-Identifier: MIT
//
// varve create - make an empty log.

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <varve/log.hpp>
#include <varve/log_view.hpp>

#include "cli/checksum_names.hpp"
#include "cli/failure.hpp"
#include "cli/json.hpp"
#include "cli/opening.hpp"
#include "cli/sizes.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct create_options {
  std::string directory, checksum_name = "xxh3", version_info;
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  bool times = false, json = false;
};

// " with segments of 64 MiB", as far as that can be seen; of its checksum a view says nothing.
std::string description(const log_view& there) {
  const auto segments = there.segments();
  if (!segments) return {};
  for (const segment_description& s : *segments) {
    if (s.state != segment_description::state::damaged) return " with segments of " + size_text(s.file_bytes);
  }
  return {};
}

failure exists(const std::string& directory, const log_view& there) {
  failure f;
  f.code = "exists";
  f.message =
      fmt::format("{}: a log{} is there already; choose another directory, or append to it", directory, description(there));
  f.path = directory;
  f.os_errno = EEXIST;
  return f;
}

// log::open() takes a log that is there already. The view asks first, and disturbs nobody who is writing it.
//
// Not promised: two creates at the same moment. Both may see nothing; the later one then finds the log locked, or, if the
// first has ended, opens an empty log of the same options.
void refuse_existing(const std::string& directory) {
  const result<log_view> there = log_view::open(directory);
  if (there) throw exists(directory, *there);
  const errc code = there.error().code();
  // not_a_log is left to open(), which tells the remains of a creation that was cut short from foreign files.
  if (code != errc::not_found && code != errc::not_a_log) throw failure_to_read(there.error());
}

exit_code create(const create_options& options, output& out) {
  refuse_existing(options.directory);
  log_options settings;
  settings.segment_bytes = options.segment_bytes;
  settings.checksum = checksums.at(options.checksum_name);
  settings.version_info = options.version_info;
  settings.record_times = options.times;
  log made = open_to_write(options.directory, settings);
  const std::uint64_t record_bytes_max = made.record_bytes_max();
  check(made.close());

  if (options.json) {
    nlohmann::ordered_json report;
    add_bytes(report, "directory", "directory_base64", options.directory);
    report["segment_bytes"] = options.segment_bytes;
    report["checksum"] = options.checksum_name;
    report["record_times"] = options.times;
    report["record_bytes_max"] = record_bytes_max;
    add_bytes(report, "version_info", "version_info_base64", options.version_info);
    out.write(one_line(report));
  } else {
    out.print("created {}: segments of {}, checksum {}{}, records of up to {} bytes\n", options.directory,
              size_text(options.segment_bytes), options.checksum_name, options.times ? ", times" : "",
              count_text(record_bytes_max));
  }
  return exit_code::fine;
}

}  // namespace

action set_up_create(CLI::App& app) {
  const auto options = std::make_shared<create_options>();
  add_directory(app, options->directory);
  app.add_option("--segment-size", options->segment_bytes,
                 "Bytes of one segment file: 64KiB to 4GiB, in steps of 64KiB [64MiB]")
      ->transform(size_between(std::uint64_t{64} << 10, std::uint64_t{4} << 30, std::uint64_t{64} << 10))
      ->option_text("SIZE");
  app.add_option("--checksum", options->checksum_name, "What protects payloads: xxh3, crc32c, crc32, crc64 or none [xxh3]")
      ->check(CLI::IsMember(checksums))
      ->option_text("NAME");
  app.add_option("--version-info", options->version_info, "Up to 255 bytes of your own, kept in the segments")
      ->check(bytes_up_to(255))
      ->option_text("TEXT");
  app.add_flag("--times", options->times, "Keep with each record the time of its append; 8 bytes each");
  add_json(app, options->json);
  set_footer(app, "  varve create orders --segment-size 256MiB --checksum crc32c\n");
  return [options](output& out) { return create(*options, out); };
}

}  // namespace varve::cli
