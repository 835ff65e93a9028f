// SPDX-License-Identifier: MIT

#include "cli/record_format.hpp"

#include <algorithm>
#include <iterator>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/framing.hpp"
#include "cli/json.hpp"
#include "cli/times.hpp"

namespace varve::cli {
namespace {

constexpr std::size_t dump_columns = 16;

void write_hex(output& out, const shown_record& r) {
  const std::string time = r.time_ns != 0 ? ", " + time_text(r.time_ns) : std::string{};
  out.print("sequence {}, epoch {}, type {}{}, {} bytes\n", r.sequence, r.epoch, r.type, time, r.payload.size());
  std::string line;
  for (std::size_t at = 0; at < r.payload.size(); at += dump_columns) {
    const std::string_view bytes = r.payload.substr(at, dump_columns);
    line.clear();
    const auto end = std::back_inserter(line);
    fmt::format_to(end, "{:08x} ", at);
    for (std::size_t i = 0; i < dump_columns; ++i) {
      if (i == dump_columns / 2) line += ' ';
      if (i < bytes.size()) {
        fmt::format_to(end, " {:02x}", static_cast<unsigned char>(bytes[i]));
      } else {
        line += "   ";
      }
    }
    line += "  |";
    std::ranges::transform(bytes, std::back_inserter(line), [](char c) { return c >= ' ' && c <= '~' ? c : '.'; });
    line += "|\n";
    out.write(line);
  }
}

void write_prefixed(output& out, std::string_view payload) {
  const auto prefix = length_prefix(static_cast<std::uint32_t>(payload.size()));  // a record is smaller than a segment
  out.write({prefix.data(), prefix.size()});
  out.write(payload);
}

void write_jsonl(output& out, const shown_record& r) {
  nlohmann::ordered_json object = {{"sequence", r.sequence}, {"epoch", r.epoch}, {"type", r.type}};
  if (r.time_ns != 0) object["time"] = time_text(r.time_ns);
  if (r.is_chunk) object["chunk"] = true;
  add_bytes(object, "text", "base64", r.payload);
  out.write(one_line(object));
}

}  // namespace

void write_record(output& out, std::string_view format, const shown_record& r) {
  if (format == "jsonl") {
    write_jsonl(out, r);
  } else if (format == "hex") {
    write_hex(out, r);
  } else if (format == "length-prefixed") {
    write_prefixed(out, r.payload);
  } else {
    out.write(r.payload);
    if (format == "text") out.write("\n");
  }
}

void add_format(CLI::App& app, std::string& format) {
  CLI::Option* const chosen = app.add_option("--format", format, "text, jsonl, hex, raw or length-prefixed [text]")
                                  ->check(CLI::IsMember({"text", "jsonl", "hex", "raw", "length-prefixed"}))
                                  ->option_text("NAME");
  app.add_flag_callback(
         "--json", [&format] { format = "jsonl"; }, "The same as --format jsonl, and errors as JSON")
      ->excludes(chosen);
}

}  // namespace varve::cli
