// SPDX-License-Identifier: MIT
//
// index.cpp - fuzz target: any bytes as the index of a good segment. Every record is found all the same, and right.
//
// Input: flags (1 byte), then the slots. Bit 0 of the flags: the header is in front of them instead of a right one. Bit 1:
// the log is opened for writing.
#include "format/index.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <varve/varve.hpp>

#include "format/segment_header.hpp"
#include "support/dice.hpp"
#include "support/memory_os.hpp"
#include "target.hpp"

namespace varve::fuzz {
namespace {

namespace machine = testing::memory_os;

constexpr const char* directory = "log";
constexpr const char* index_path = "log/00000000000000000001.idx";
constexpr std::uint64_t count = 300;
constexpr std::uint32_t stride = format::index_stride_min;
constexpr std::size_t index_bytes = format::index_header_bytes + 8 * format::slots_of(format::segment_bytes_min, stride);

/// Stretches of one size, as the index's guess likes them, and of many; and what looks like slots.
std::string text_of(std::uint64_t s) {
  const std::size_t bytes = s < 100 ? 100 : s < 200 ? s * 37 % 300 : 24;
  return std::to_string(s) + std::string(bytes, static_cast<char>('a' + s % 26));
}

struct good_log {
  machine::image image;
  byte_vector index;
  std::uint64_t salt = 0;

  good_log() {
    machine::reset();
    {
      auto log = log::open(directory, {.segment_bytes = format::segment_bytes_min, .index_stride_bytes = stride});
      check(log.has_value(), "a log on a fresh machine");
      for (std::uint64_t s = 1; s <= count; ++s) check(log->append(text_of(s)).has_value(), "an append");
      check(log->close().has_value(), "close");
    }
    index = machine::contents(index_path);
    salt = load<std::uint64_t>(machine::contents("log/00000000000000000001.seg"),
                               format::activation_offset + offsetof(format::activation, salt));
    image = machine::snapshot();
  }
};

const good_log& good() {
  static const good_log log;
  return log;
}

template <class Log>
void read_all(const Log& log) {
  check(log.published_sequence().value == count, "published");
  // Not in order: an index is mended by those who come by, and its mean size moves.
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t s = 1 + i * 197 % count;
    const auto r = log.read({s});
    check(r && r->sequence().value == s && r->text() == text_of(s), "a record is not found");
  }
  auto reader = log.reader({count / 2});
  const auto next = reader ? reader->next() : result<std::optional<record>>{};
  check(next && *next && (*next)->text() == text_of(count / 2), "seeking");
}

}  // namespace

void run(std::span<const std::byte> input) {
  const auto& from = good();
  machine::restore(from.image);
  taker bytes{input};
  const auto flags = bytes.take<std::uint8_t>();
  byte_vector index(from.index.begin(), from.index.begin() + format::index_header_bytes);
  if ((flags & 1) != 0) std::ranges::copy(bytes.take_bytes(format::sector_bytes), index.begin());
  index.insert(index.end(), bytes.rest().begin(), bytes.rest().end());
  if ((flags & 4) == 0) index.resize(index_bytes);
  machine::put(index_path, index);
  if ((flags & 2) == 0) {
    const auto view = log_view::open(directory);
    check(view.has_value(), "an index keeps a view from opening");
    return read_all(*view);
  }
  const auto log = log::open(directory);
  check(log.has_value(), "an index keeps a log from opening");
  read_all(*log);
}

void repair(byte_vector& input, std::uint64_t seed) {
  if (input.empty()) return;
  testing::dice random{seed};
  std::size_t at = 1;
  if ((input[0] & std::byte{1}) != std::byte{0} && input.size() > at + format::sector_bytes) {
    const auto sector = std::span{input}.subspan(at, format::sector_bytes);
    store(sector, format::sector_bytes - 8, core::sum_of_structure(sector.first(format::sector_bytes - 8)));
    at += format::sector_bytes;
  }
  if (random.one_in(8)) input.resize(1 + index_bytes - format::index_header_bytes);
  for (; at + 8 <= input.size(); at += 8) {
    if (!random.one_in(4)) continue;
    const format::index_slot place{.sequence_less_base = random.below(count + 4), .offset = 4096 + 8 * random.below(7680)};
    store(std::span{input}, at, format::encode_slot(place, good().salt));
  }
}

}  // namespace varve::fuzz
