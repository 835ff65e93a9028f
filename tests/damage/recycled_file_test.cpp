// SPDX-License-Identifier: MIT
//
// Files that are used again hold what they held. Here they hold the worst: whole frames of the log's own earlier salts, with
// the very sequences that come next, in the very places, and payloads that look like nothing but stamps.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "support/catch.hpp"
#include "support/log_files.hpp"
#include "support/temp_dir.hpp"
#include "unit/format/frame_builder.hpp"

namespace varve::testing {
namespace {

const log_options with_spares{.segment_bytes = 64 * 1024, .prepared_segments = 4, .spare_segments = 8};
constexpr std::uint64_t trimmed_before = 150;

/// All of one size, so that it is known where each will stand.
std::string text_of_record(std::uint64_t s) {
  std::string text = std::to_string(s);
  text.resize(4000, '.');
  return text;
}
constexpr std::uint64_t extent = 4024, in_a_segment = (64 * 1024 - 4096) / extent;

/// What a file is filled with, from its first frame on; `base` is the sequence that will stand there first.
using filling = std::function<byte_vector(std::uint64_t base, const std::vector<std::uint64_t>& salts)>;

/// Frames that would be right, if it were not for their salt.
byte_vector frames_in_place(std::uint64_t base, const std::vector<std::uint64_t>& salts) {
  byte_vector all;
  for (std::uint64_t i = 0; i < in_a_segment; ++i) {
    const std::string text = "old " + text_of_record(base + i).substr(4);
    const auto frame = build({.sequence = base + i,
                              .salt = salts[i % salts.size()],
                              .offset = format::segment_header_bytes + i * extent,
                              .payload = text});
    all.insert(all.end(), frame.begin(), frame.end());
  }
  return all;
}

/// As many as there is room for: wherever the log ends, one of its next sequences follows.
byte_vector small_frames(std::uint64_t base, const std::vector<std::uint64_t>& salts) {
  byte_vector all;
  for (std::uint64_t offset = format::segment_header_bytes, i = 0; offset + 32 <= 64 * 1024; offset += 32, ++i) {
    const auto frame = build(
        {.sequence = base + offset / extent + 1, .salt = salts[i % salts.size()], .offset = offset, .payload = "old data"});
    all.insert(all.end(), frame.begin(), frame.end());
  }
  return all;
}

/// A payload of stamps, at every place where a frame may begin.
byte_vector stamps(std::uint64_t base, const std::vector<std::uint64_t>& salts) {
  byte_vector all((64 * 1024) - format::segment_header_bytes);
  for (std::size_t at = 0, i = 0; at < all.size(); at += 8, ++i) {
    const std::uint64_t sequence = base + at / extent + (i / salts.size()) % 3;
    put(all, at, sequence ^ salts[i % salts.size()], 8);
  }
  return all;
}

struct on_disk {
  std::vector<std::uint64_t> salts, unbegun;  // salts of all that was begun, numbers of what was not
  std::uint64_t next_base = 0;                // of the first of these
};

on_disk look_at(const std::filesystem::path& dir) {
  on_disk found;
  std::uint64_t newest = 0;
  for (const std::uint64_t number : segment_numbers(dir)) {
    format::activation a;
    try {  // it may be dropped, or get another number, at any moment
      a = read_sector<format::activation>(segment_path(dir, number), format::activation_offset);
    } catch (const std::system_error&) {
      continue;
    }
    if (a.head.magic != format::activation::magic) {
      found.unbegun.push_back(number);
      continue;
    }
    found.salts.push_back(a.salt);
    newest = std::max(newest, a.base);
  }
  found.next_base = newest + in_a_segment;
  return found;
}

/// In a process that dies: appends, trims, lets files be used again, fills them, and goes on in them.
void live_and_die(log& l, const std::filesystem::path& dir, const filling& fill, bool with_hole) {
  const auto append_up_to = [&l](std::uint64_t last) {
    for (std::uint64_t s = l.stats().claimed.value + 1; s <= last; ++s) must(l.append(text_of_record(s)) == sequence{s});
  };
  append_up_to(200);
  const auto begun = look_at(dir).salts;
  must(l.trim_before({trimmed_before}).has_value());
  for (std::uint64_t last = 200; l.stats().recycled < 6; std::this_thread::sleep_for(std::chrono::milliseconds{1})) {
    append_up_to(last += in_a_segment);
    must(last < 2000);
    must(l.sync().has_value());
    must(l.trim_before({last - 50}).has_value());
  }
  while (l.stats().prepared < 4) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  const auto now = look_at(dir);
  must(now.unbegun.size() >= 4);
  for (std::size_t i = 0; i < now.unbegun.size(); ++i) {
    const auto bytes = fill(now.next_base + i * in_a_segment, begun);
    must(bytes.size() <= 64 * 1024 - format::segment_header_bytes);
    patch(segment_path(dir, now.unbegun[i]), format::segment_header_bytes, bytes);
  }
  append_up_to(now.next_base + in_a_segment + 4);  // into the second of them
  must(look_at(dir).unbegun.size() < now.unbegun.size() || l.stats().recycled > 6);
  if (!with_hole) return;
  auto unfinished = l.claim(100);
  must(unfinished.has_value());
  must(l.append("behind the hole").has_value());
  std::_Exit(0);  // with the claim open
}

}  // namespace

TEST_CASE("no bytes of an earlier use of a file come back, whatever they are", "[damage][trim][recovery][G6]") {
  struct named {
    const char* name;
    filling fill;
  };
  const auto what =
      GENERATE(values<named>({{"frames in place", frames_in_place}, {"small frames", small_frames}, {"stamps", stamps}}));
  const bool with_hole = GENERATE(false, true), power_loss = GENERATE(false, true);
  INFO(what.name << (with_hole ? ", a hole" : "") << (power_loss ? ", a power loss" : ""));
  const temp_dir dir;
  die_with(dir.path(), with_spares, [&](log& l) { live_and_die(l, dir.path(), what.fill, with_hole); });
  // After a power loss the log ends before the hole, which nobody can tell from a lost page.
  const bool cut = with_hole && power_loss;
  if (power_loss) make_power_loss(dir.path());
  std::uint64_t first = 0, last = 0;
  for (int opens = 0; opens < 3; ++opens) {
    const auto check = [&](const auto& seen) {
      if (last == 0) {
        first = seen.first_sequence().value;
        last = seen.published_sequence().value;
        REQUIRE(last > 200 + in_a_segment);
      }
      REQUIRE(seen.first_sequence() == sequence{first});
      REQUIRE(seen.published_sequence() == sequence{last});
      std::uint64_t count = 0;
      for (const auto& r : seen.records()) {
        REQUIRE(r);
        ++count;
        const bool is_last = with_hole && !cut && r->sequence().value == last && opens == 0;
        if (r->text() != "behind the hole" && r->text() != "more") REQUIRE(r->text() == text_of_record(r->sequence().value));
        if (is_last) REQUIRE(r->text() == "behind the hole");
      }
      REQUIRE(count == last - first + 1 - (with_hole && !cut ? 1 : 0));
    };
    {
      const auto v = log_view::open(dir.path());
      REQUIRE(v);
      check(*v);
    }
    auto l = log::open(dir.path(), with_spares);
    REQUIRE(l);
    check(*l);
    if (opens == 0) CHECK(rows_of(l->recovery()).find_first_not_of("MNPR") == std::string::npos);
    REQUIRE(l->append("more") == sequence{++last});
    REQUIRE(l->close().has_value());
  }
}

}  // namespace varve::testing
