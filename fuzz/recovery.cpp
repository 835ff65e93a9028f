// SPDX-License-Identifier: MIT
//
// recovery.cpp - fuzz target: a whole directory of files. Whatever stands there, looking at it and opening it ends in an
// answer; a refusal changes nothing; what an open keeps is what a view has shown, and what the next open finds.
//
// Input: packed_log.hpp. Bit 0 of the flags: the machine was started anew since.
#include <optional>
#include <string>

#include <varve/varve.hpp>

#include "packed_log.hpp"
#include "support/memory_os.hpp"

namespace varve::fuzz {
namespace {

namespace machine = testing::memory_os;

constexpr const char* directory = "log";
constexpr std::uint64_t disk_bytes = std::uint64_t{8} << 20;  // whatever the files say, not more
constexpr unsigned records_max = 4096, errors_max = 16;

/// All that reading a log answers, in order.
struct contents {
  std::uint64_t published = 0;
  std::string text;
  bool operator==(const contents&) const = default;
};

void note(contents& all, std::uint64_t sequence, std::string_view what) {
  all.text += std::to_string(sequence);
  all.text += ' ';
  all.text += what;
  all.text += '\n';
}

template <class Log>
contents contents_of(const Log& log) {
  contents all{.published = log.published_sequence().value, .text = {}};
  auto reader = log.reader();
  unsigned errors = 0;
  if (!reader) {
    note(all, 0, name_of(reader.error().code()));
    return all;
  }
  for (unsigned i = 0; i < records_max && errors < errors_max; ++i) {
    const std::uint64_t at = reader->position().value;
    const auto record = reader->next();
    if (record && !*record) break;
    if (record) {
      const auto s = (*record)->sequence();
      check(s.value >= at && s.value <= log.published_sequence().value, "a record out of order");
      note(all, s.value, (*record)->text());
      const auto same = log.read(s);
      check(same && same->text() == (*record)->text() && same->type() == (*record)->type(), "read() says otherwise");
      continue;
    }
    note(all, at, name_of(record.error().code()));
    ++errors;
    std::uint64_t behind = at;
    while (errors < errors_max && !reader->seek({++behind})) ++errors;
  }
  return all;
}

using files = std::vector<std::pair<std::string, byte_vector>>;

files files_now() {
  files all;
  for (const auto& name : machine::names(directory))
    all.emplace_back(name, machine::contents(std::string{directory} + '/' + name));
  return all;
}

std::optional<contents> look_on() {
  const auto before = files_now();
  std::optional<contents> seen;
  if (const auto view = log_view::open(directory)) {
    seen = contents_of(*view);
    static_cast<void>(view->stats());
    static_cast<void>(view->describe());
    static_cast<void>(view->segments());
  } else {
    static_cast<void>(view.error().message());
  }
  static_cast<void>(verify(directory));
  check(files_now() == before, "looking on has changed something");
  return seen;
}

bool open_strictly() {
  const auto before = files_now();
  const auto log = log::open(directory, {.recovery = recovery_mode::strict, .prepared_segments = 1});
  if (!log && (log.error().code() == errc::damaged || log.error().code() == errc::would_cut))
    check(files_now() == before, "a refusal has changed something");
  return log.has_value();
}

void open_and_go_on(const std::optional<contents>& seen) {
  std::optional<contents> kept;
  {
    auto log = log::open(directory, {.prepared_segments = 1});
    if (!log) {
      static_cast<void>(log.error().message());
      return;
    }
    kept = contents_of(*log);
    check(seen.has_value(), "the log opens, and a view does not");
    check(*seen == *kept, "the view has shown something else");
    if (const auto added = log->append("one more")) {
      const auto back = log->read(*added);
      check(added->value == kept->published + 1 && back && back->text() == "one more", "appending does not go on");
      kept->published = added->value;
      note(*kept, added->value, "one more");
    }
    machine::process_death();
  }
  auto again = log::open(directory, {.prepared_segments = 1});
  check(again.has_value(), "it opens once, and then no more");
  check(contents_of(*again) == *kept, "the next open finds something else");
  static_cast<void>(again->close());
}

}  // namespace

void run(std::span<const std::byte> input) {
  const auto log = unpack(input);
  machine::reset();
  put_files(log, directory);
  machine::limit_disk(machine::disk_bytes_used() + disk_bytes);
  if ((log.flags & 1) != 0) machine::power_loss(1, {.bytes = machine::fate::kept, .entries = machine::fate::kept});
  const auto image = machine::snapshot();
  const auto seen = look_on();
  const bool strictly = open_strictly();
  machine::restore(image);
  open_and_go_on(seen);
  static_cast<void>(strictly);
}

void repair(byte_vector& input, std::uint64_t seed) {
  auto log = unpack(input);
  repair_log(log, seed);
  input = pack(log);
}

}  // namespace varve::fuzz
