// SPDX-License-Identifier: MIT
//
// varve cat - print records in order.
//
// What lies in the range is printed; then an end of the range that was named but is not there is an error, so that a
// script sees it. Abandoned claims inside the range are no records and are passed over.

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/opening.hpp"
#include "cli/readable_directory.hpp"
#include "cli/record_format.hpp"
#include "cli/times.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

struct cat_options {
  std::string directory, format = "text";
  std::uint64_t from = 0, to = 0;  // 0: not named
  std::optional<std::int64_t> since{}, until{};
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
};

struct printed_range {
  std::uint64_t records = 0, first = 0, last = 0;
};

// The last sequence before the first one that is younger than --until.
std::uint64_t last_until(readable_directory& there, const log_view& view, const cat_options& options) {
  const std::uint64_t published = view.published_sequence().value;
  if (!options.until || *options.until == std::numeric_limits<std::int64_t>::max()) return published;
  return std::min(published, take(there.reading([&] { return view.find_time(time_of(*options.until + 1)); })).value - 1);
}

// Without --to the end is what is published now: beside a busy writer the end of the log runs away.
printed_range print_range(readable_directory& there, const log_view& view, const cat_options& options, output& out) {
  const std::uint64_t last_wanted = options.to != 0 ? options.to : last_until(there, view, options);
  reader r = take(there.reading([&] { return view.reader({options.from}); }));
  if (options.since) check(there.reading([&] { return r.seek_time(time_of(*options.since)); }));
  printed_range printed;
  while (printed.records < options.limit && r.position().value <= last_wanted) {
    const std::optional<record> next = take(there.reading([&] { return r.next(); }));
    if (!next || next->sequence().value > last_wanted) break;
    write_record(out, options.format, shown(*next));
    printed.last = next->sequence().value;
    if (printed.records++ == 0) printed.first = printed.last;
  }
  return printed;
}

// Why a sequence was not met on the way. The view's own answer says it, unless a writer has published it since.
failure why_missing(readable_directory& there, const log_view& view, std::uint64_t sequence) {
  const auto found = there.reading([&] { return view.read({sequence}); });
  if (!found) return failure_of(found.error());
  failure f;
  f.exit = exit_code_of(errc::not_yet);
  f.code = name_of(errc::not_yet);
  f.message = fmt::format("sequence {} was published only after the log had been read; ask again", sequence);
  f.first_sequence = f.last_sequence = sequence;
  return f;
}

exit_code cat(const cat_options& options, output& out) {
  if (options.to != 0 && options.to < options.from) {
    throw usage_failure("usage", fmt::format("--to {} lies before --from {}", options.to, options.from));
  }
  if (options.since && options.until && *options.until < *options.since) {
    throw usage_failure(
        "usage", fmt::format("--until {} lies before --since {}", time_text(*options.until), time_text(*options.since)));
  }
  readable_directory there(options.directory);
  const log_view view = open_to_read(there.path());
  if (options.since || options.until) check_times(view, options.directory);
  const printed_range printed = print_range(there, view, options, out);
  if (options.from != 0 && !options.until && printed.first != options.from) throw why_missing(there, view, options.from);
  if (options.to != 0 && printed.last != options.to && printed.records < options.limit)
    throw why_missing(there, view, options.to);
  return exit_code::fine;
}

}  // namespace

action set_up_cat(CLI::App& app) {
  const auto options = std::make_shared<cat_options>();
  add_directory(app, options->directory);
  app.add_option("--from", options->from, "The first sequence to print [the first there is]")
      ->transform(number_between(1, sequence_max))
      ->option_text("S");
  app.add_option("--to", options->to, "The last sequence to print, itself included [the last published]")
      ->transform(number_between(1, sequence_max))
      ->option_text("S");
  app.add_option("--since", options->since, "Begin with the first record of this time or later; see TIME")
      ->transform(a_time())
      ->option_text("TIME")
      ->excludes("--from");
  app.add_option("--until", options->until, "End before the first record that is later than this")
      ->transform(a_time())
      ->option_text("TIME")
      ->excludes("--to");
  app.add_option("--limit", options->limit, "Print at most so many records")
      ->transform(number_between(1, std::numeric_limits<std::uint64_t>::max()))
      ->option_text("N");
  add_format(app, options->format);
  set_footer(
      app,
      "  varve cat orders --from 100 --to 199\n"
      "  varve cat orders --since 2026-11-28T09:00:00Z --until 2026-11-28T09:30:00Z\n"
      "  varve cat orders --format jsonl | varve append copy --split jsonl\n"
      "  varve cat orders --format length-prefixed | varve append copy --split length-prefixed\n"
      "TIME is 2026-11-28T09:00:00.5Z, with less behind the day if you like, or seconds since 1970. Times need not follow\n"
      "each other in order: behind the first record that is found they may be earlier.\n");
  return [options](output& out) { return cat(*options, out); };
}

}  // namespace varve::cli
