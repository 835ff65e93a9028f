// SPDX-License-Identifier: MIT

#include "cli/next_open.hpp"

#include <fmt/format.h>

#include "cli/sizes.hpp"

namespace varve::cli {

std::string cut_text(const log_description::opening& o) {
  std::string text = fmt::format("cut {} records ({} bytes)", count_text(o.cut_records), count_text(o.cut_bytes));
  if (o.cut.size() == 1) text += fmt::format(", sequence {}", o.cut.first.value);
  if (o.cut.size() > 1) text += fmt::format(", sequences {} to {}", o.cut.first.value, o.cut.end.value - 1);
  return text;
}

std::string trouble_of_next_open(const log_description& d) {
  if (d.refuses) return "the log is damaged, and the next open refuses it; varve verify names the places";
  if (!d.would_cut || !d.next_open) return {};
  return fmt::format("the next open would {}; varve recover does it, and --dry-run names the places",
                     cut_text(*d.next_open));
}

}  // namespace varve::cli
