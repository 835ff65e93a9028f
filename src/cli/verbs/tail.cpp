// SPDX-License-Identifier: MIT
//
// varve tail - print the last records, and follow the log as it grows.
//
// A follower stays through rolls, and through the death and the return of writers: the view sees to that. It ends by a
// signal, or when nobody reads its output any more, which it notices also while nothing comes.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include <varve/log_view.hpp>

#include "cli/failure.hpp"
#include "cli/opening.hpp"
#include "cli/readable_directory.hpp"
#include "cli/record_format.hpp"
#include "cli/signals.hpp"
#include "cli/times.hpp"
#include "cli/verbs.hpp"

namespace varve::cli {
namespace {

// How late a signal, or a closed pipe, may be noticed.
constexpr std::chrono::milliseconds patience{100};
constexpr std::uint64_t at_once = 1000;  // records; arbitrary

struct tail_options {
  std::string directory, format = "text";
  std::uint64_t count = 10;
  std::optional<std::int64_t> since{};
  bool follow = false;
};

// How many records there are from `from` to `last`, but no more than `enough`. Damage counts as enough: what is in front of
// it is then printed, and it is met again on the way.
std::uint64_t count_records(readable_directory& there, const log_view& view, std::uint64_t from, std::uint64_t last,
                            std::uint64_t enough) {
  reader r = take(there.reading([&] { return view.reader({from}); }));
  std::uint64_t count = 0;
  while (count < enough && r.position().value <= last) {
    const auto next = there.reading([&] { return r.next(); });
    if (!next) return enough;
    if (!*next || (*next)->sequence().value > last) break;
    ++count;
  }
  return count;
}

// A place from which `count` records come up to `last`, or all there are. Abandoned sequences are no records, so it goes
// back further as long as there are too few.
reader place_before_last(readable_directory& there, const log_view& view, std::uint64_t count, std::uint64_t last) {
  const std::uint64_t first = view.first_sequence().value;
  const std::uint64_t all = last + 1 - first;
  for (std::uint64_t back = std::min(count, all);; back = std::min(2 * back, all)) {
    const std::uint64_t from = last + 1 - back;
    const std::uint64_t found = count_records(there, view, from, last, back);
    if (found < std::min(count, back) && back < all) continue;
    reader r = take(there.reading([&] { return view.reader({from}); }));
    for (std::uint64_t spare = found - std::min(found, count); spare != 0; --spare)
      static_cast<void>(take(there.reading([&] { return r.next(); })));
    return r;
  }
}

// Prints at most `most` records, up to the sequence `last`.
void print(readable_directory& there, reader& r, const tail_options& options, std::uint64_t last, std::uint64_t most,
           output& out) {
  for (; most != 0 && r.position().value <= last; --most) {
    const auto next = there.reading([&] { return r.next(); });
    // Writers came and went faster than the view could look; it looks again.
    if (!next && options.follow && next.error().code() == errc::timed_out) return;
    if (!next) throw failure_of(next.error());
    if (!*next) return;
    write_record(out, options.format, shown(**next));
  }
}

// Throws closed_pipe if nobody reads standard output any more. Only asking tells, while there is nothing to write.
void check_output() {
  ::pollfd printed{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  if (::poll(&printed, 1, 0) > 0 && (printed.revents & (POLLERR | POLLHUP)) != 0) throw closed_pipe{};
}

exit_code follow(readable_directory& there, const log_view& view, reader& r, const tail_options& options,
                 ending_signals& signals, output& out) {
  for (;;) {
    // In pieces, so that a log that grows faster than it is printed is left by a signal as well.
    const std::uint64_t published = view.published_sequence().value;
    print(there, r, options, published, at_once, out);
    const int signal = signals.take();
    if (r.position().value > published || signal != 0) out.flush();
    if (signal != 0) return exit_code_of_signal(signal);
    check_output();
    const auto more = there.reading([&] { return r.wait(std::chrono::steady_clock::now() + patience); });
    if (!more && more.error().code() != errc::timed_out) throw failure_of(more.error());
  }
}

exit_code tail(const tail_options& options, output& out) {
  readable_directory there(options.directory);
  const log_view view = open_to_read(there.path());
  std::optional<ending_signals> signals;
  if (options.follow) signals.emplace();
  const std::uint64_t last = view.published_sequence().value;
  if (options.since) check_times(view, options.directory);
  reader r = options.since ? take(there.reading([&] { return view.reader(); }))
                           : place_before_last(there, view, options.count, last);
  if (options.since) check(there.reading([&] { return r.seek_time(time_of(*options.since)); }));
  print(there, r, options, last, options.since ? last : options.count, out);
  return options.follow ? follow(there, view, r, options, *signals, out) : exit_code::fine;
}

}  // namespace

action set_up_tail(CLI::App& app) {
  const auto options = std::make_shared<tail_options>();
  add_directory(app, options->directory);
  CLI::Option* const count =
      app.add_option("-n,--count", options->count, "Print so many of the last records; 0 for none [10]")
          ->transform(number_between(0, sequence_max))
          ->option_text("N");
  app.add_option("--since", options->since, "Print all from the first record of this time or later; TIME as for cat")
      ->transform(a_time())
      ->option_text("TIME")
      ->excludes(count);
  app.add_flag("-f,--follow", options->follow, "Go on printing records as they are published, until a signal");
  add_format(app, options->format);
  set_footer(
      app,
      "  varve tail orders -n 100\n"
      "  varve tail orders -f --since 2026-11-28T09:00Z\n"
      "  varve tail orders -f --format jsonl | jq .text\n"
      "A follower stays when the writer ends, and goes on when there is one again. SIGINT, SIGTERM or SIGHUP ends it:\n"
      "what it has printed is flushed. It does not wait for a log that is not there yet.\n");
  return [options](output& out) { return tail(*options, out); };
}

}  // namespace varve::cli
