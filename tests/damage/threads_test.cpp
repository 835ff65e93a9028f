// SPDX-License-Identifier: MIT
//
// Logs with any damage, checked by one thread and by several: what is found is the same to the last byte.
#include <algorithm>
#include <string>
#include <vector>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"
#include "unit/format/frame_builder.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

enum class left : std::uint8_t { closed, dead, power_lost };

/// Records and batches in about a dozen segments; a third of them durable, if it was not closed.
void fill(varve::log& l) {
  constexpr std::uint64_t records = 400, durable = 130;
  dice d{7};
  std::uint64_t last = 0;
  const auto text = [&] { return std::string(d.below(3000), static_cast<char>('a' + d.below(26))); };
  while (last < records) {
    if (d.one_in(4)) {
      const std::string a = text(), b = text(), c = text();
      const std::string_view batch[] = {a, b, c};
      const auto done = l.append_batch(batch);
      must(done.has_value());
      last = done->end.value - 1;
    } else {
      const auto done = l.append(text());
      must(done.has_value());
      last = done->value;
    }
    if (last / durable == 1 && l.durable_sequence().value < durable) must(l.sync().has_value());
  }
}

void make_log(const fs::path& dir, left how, checksum kind) {
  die_with(dir, {.segment_bytes = format::segment_bytes_min, .checksum = kind}, [how](varve::log& l) {
    fill(l);
    if (how == left::closed) must(l.close().has_value());
  });
  if (how == left::power_lost) make_power_loss(dir);
}

/// A frame that no writer would have left there, though it is valid: one that a batch goes on behind, or began before.
void change_batch(const fs::path& file, const frame_place& frame, std::uint64_t sequence, checksum kind, std::uint8_t flag) {
  auto bytes = read_part(file, frame.offset, frame.extent);
  const auto a = read_sector<format::activation>(file, format::activation_offset);
  bytes[21] ^= std::byte{flag};
  refresh_checksum(bytes, {.sequence = sequence, .salt = a.salt, .offset = frame.offset, .sum = kind, .payload = {}});
  patch(file, frame.offset, bytes);
}

/// Frames, headers, pages, whole files.
void spoil(const fs::path& dir, const std::vector<frame_place>& frames, checksum kind, dice& d) {
  const std::uint64_t sequence = d.between(1, frames.size());
  const auto& frame = frames[sequence - 1];
  const auto file = segment_path(dir, frame.segment);
  if (!fs::exists(file) || fs::file_size(file) < format::segment_bytes_min) return;  // spoiled already
  switch (d.below(12)) {
    case 0: fs::remove(file); break;
    case 1: fs::resize_file(file, d.below(format::segment_bytes_min)); break;
    case 2: flip_bit(file, d.below(4 * format::sector_bytes)); break;
    case 3: patch(file, 4096 * d.below(16), byte_vector(4096)); break;
    case 4:
    case 5:
    case 6: patch(file, frame.offset, byte_vector(8)); break;  // the stamp
    case 7:
    case 8: change_batch(file, frame, sequence, kind, static_cast<std::uint8_t>(d.between(1, 3))); break;
    default: flip_bit(file, frame.offset + d.below(frame.extent));
  }
}

/// What an open answers, and what it found; the directory is put back.
std::string opening_of(const fs::path& dir, const directory_image& as_it_was, const log_options& options) {
  std::string answer;
  {
    const auto l = log::open(dir, options);
    answer = l ? text_of(l->recovery()) : l.error().message();
  }
  restore(dir, as_it_was);
  return answer;
}

}  // namespace

TEST_CASE("a log with any damage is verified, and opened, alike by one thread and by many", "[damage][recovery][G5]") {
  const auto how = GENERATE(left::closed, left::dead, left::power_lost);
  const auto kind = GENERATE(checksum::xxh3, checksum::none);
  const fast_dir place;
  const auto dir = place.path() / "log";
  make_log(dir, how, kind);
  const auto whole = image_of(dir);
  std::vector<frame_place> frames;
  for (std::uint64_t s = 1; s <= 400; ++s) frames.push_back(place_of(dir, s));
  std::vector<std::string> seen;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(static_cast<int>(how), static_cast<int>(kind), seed);
    dice d{seed};
    for (std::uint64_t harm = seed % 5; harm > 0; --harm) spoil(dir, frames, kind, d);
    const auto report = verify_on_threads(dir);
    seen.push_back(report ? text_of(*report) : report.error().message());
    const auto spoiled = image_of(dir);
    for (const bool every_byte : {false, true}) {
      const auto alone = opening_of(dir, spoiled, {.recovery_threads = 1, .verify_at_open = every_byte});
      CHECK(opening_of(dir, spoiled, {.recovery_threads = 5, .verify_at_open = every_byte}) == alone);
    }
    restore(dir, whole);
  }
  std::ranges::sort(seen);
  const auto repeated = std::ranges::unique(seen);
  CHECK(seen.size() - repeated.size() > 10);  // there was something to see
}

}  // namespace varve::testing
