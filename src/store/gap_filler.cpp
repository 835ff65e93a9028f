// SPDX-License-Identifier: MIT
#include "store/gap_filler.hpp"

#include <span>

#include "format/frame.hpp"
#include "os/point.hpp"

namespace varve::core {
namespace {

os::result<void> write_word(const os::file& file, std::uint64_t offset, std::uint64_t word) noexcept {
  return os::write_at(file, offset, std::as_bytes(std::span{&word, 1}));
}

}  // namespace

os::result<void> write_lost_frames(const os::file& file, const hole& h, std::uint64_t salt) noexcept {
  const std::uint64_t count = h.end - h.first;
  const auto kind = h.gone ? format::frame_kind::gone : format::frame_kind::lost;
  const auto offset_of = [&](std::uint64_t i) { return h.offset + i * format::frame_header_bytes; };
  for (std::uint64_t i = 0; i < count; ++i)
    if (const auto done = write_word(file, offset_of(i), 0); !done) return done;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t extent = (i + 1 < count ? offset_of(i + 1) : h.resume) - offset_of(i);
    const auto header = format::filler(kind, format::stamp_of(h.first + i, salt), offset_of(i), extent);
    const auto bytes = std::as_bytes(std::span{&header, 1}).subspan(sizeof header.stamp);
    if (const auto done = os::write_at(file, offset_of(i) + sizeof header.stamp, bytes); !done) return done;
  }
  VARVE_POINT("repair.before_stamps");
  for (std::uint64_t i = count; i-- > 0;)
    if (const auto done = write_word(file, offset_of(i), format::stamp_of(h.first + i, salt)); !done) return done;
  return {};
}

}  // namespace varve::core
