// SPDX-License-Identifier: MIT

#include "cli/opening.hpp"

#include "cli/findings.hpp"
#include "cli/next_open.hpp"

namespace varve::cli {

failure failure_to_change(const error& e, const std::string& directory) {
  failure f = failure_to_write(e, directory);
  // What is damaged `varve recover` refuses as well.
  if (f.exit != exit_code::damaged || e.code() == errc::damaged) return f;
  const auto view = log_view::open(directory);
  const auto found = view ? view->describe() : std::unexpected(view.error());
  if (!found || !found->would_cut || !found->next_open) {
    f.message += " Run varve recover first.";
    return f;
  }
  const auto& next = *found->next_open;
  f.message += fmt::format(" It would {}. Run varve recover first.", cut_text(next));
  f.cut_records = next.cut_records;
  f.cut_bytes = next.cut_bytes;
  if (next.cut.size() != 0) {
    f.first_sequence = next.cut.first.value;
    f.last_sequence = next.cut.end.value - 1;
  }
  return f;
}

recovery_report change_log(const log_to_change& what, const std::function<void(log&)>& work) {
  log_options settings;
  settings.create = false;
  settings.recovery = recovery_mode::strict;
  settings.spare_segments = 0;  // nothing will be appended
  settings.archive = what.archive;
  auto opened = log::open(what.directory, settings);
  if (!opened) throw failure_to_change(opened.error(), what.directory);
  const recovery_report found = opened->recovery();
  if (!what.json) tell_recovery(found, what.verb);
  after_recovery(found, [&] {
    work(*opened);
    check(opened->close());
  });
  return found;
}

}  // namespace varve::cli
