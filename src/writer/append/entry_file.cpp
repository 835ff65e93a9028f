// SPDX-License-Identifier: MIT
#include "writer/append/entry_file.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "segment/claim.hpp"

namespace varve::core {
namespace {

// How much is written at once of what is small. Arbitrary: enough that a call costs nothing beside its bytes.
constexpr std::uint64_t tail_bytes = std::uint64_t{256} << 10;
// By how much a file grows at least: calls are few, and what is left over at its end is no more than in other segments.
constexpr std::uint64_t step_bytes = std::uint64_t{1} << 20;

/// A header of which only the length is known.
void store_length(std::byte* frame, std::uint64_t length) noexcept {
  const auto stored = static_cast<std::uint32_t>(length);
  std::memcpy(frame + offsetof(format::frame_header, length), &stored, sizeof stored);
}

std::uint64_t load_length(const std::byte* frame) noexcept {
  std::uint32_t length = 0;
  std::memcpy(&length, frame + offsetof(format::frame_header, length), sizeof length);
  return length;
}

constexpr std::uint64_t place_behind(std::uint64_t bytes) noexcept { return format::segment_header_bytes + bytes; }

}  // namespace

entry_file::entry_file(const parts& p)
    : with_(p),
      extension_bytes_(p.place.keeps_times() ? format::time_bytes : 0),
      tail_bytes_max_(std::min<std::uint64_t>(tail_bytes, p.place.meta.segment_bytes)) {
  tail_.reserve(tail_bytes_max_);
}

entry_file::~entry_file() {
  if (with_.gate.get() != gate::position::forked) with_.own.give_up(file_);  // else it is the parent's
}

result<void> entry_file::reserve(std::uint64_t bytes) noexcept {
  return with_room(bytes, [] { return os::result<void>{}; });
}

result<void> entry_file::write(bytes_view payload) noexcept {
  const std::uint64_t extent = extent_of(payload.size());
  if (place_behind(bytes_ + extent) <= size_ && tail_.size() + extent <= tail_bytes_max_) {
    put_into_tail(payload);
    return {};
  }
  return with_room(bytes_ + extent, [&] { return write_behind_tail(payload); });
}

/// `body` is called while the file is ours, and has room for so many bytes of frames.
template <class Body>
result<void> entry_file::with_room(std::uint64_t bytes, Body body) noexcept {
  const std::uint64_t least = own_segments::file_bytes(bytes);
  if (least <= size_) return with_file(least, size_, body);
  const std::uint64_t step = std::max<std::uint64_t>(step_bytes, with_.place.meta.segment_bytes);
  const std::uint64_t most = std::min<std::uint64_t>(least + step, format::segment_bytes_max);
  const auto room = with_.appender.take_room_to_grow(size_, least, most);
  if (!room) return std::unexpected(room.error());
  auto done = with_file(least, *room, body);
  with_.appender.room_is_used();
  return done;
}

/// Room was taken for a file of `bytes`, of which `least` are needed.
template <class Body>
result<void> entry_file::with_file(std::uint64_t least, std::uint64_t bytes, Body body) noexcept {
  const own_segments::work work{with_.own, file_};
  if (!work) {
    with_.own.give_back(bytes - size_);
    return with_.appender.refusal();
  }
  with_.own.reopen(file_);
  auto done = with_.own.grow(file_, least, bytes);
  size_ = file_.bytes();
  if (done) done = body();
  return done ? result<void>{} : with_.place.fail_call(done.error());
}

os::result<void> entry_file::write_behind_tail(bytes_view payload) noexcept {
  if (const auto done = write_tail(); !done) return done;
  const std::uint64_t extent = extent_of(payload.size());
  if (extent <= tail_bytes_max_) {
    put_into_tail(payload);
    return {};
  }
  if (const auto done = write_large(payload); !done) return done;
  bytes_ += extent;
  ++frames_;
  return {};
}

/// Without its padding, which is cleared when the header is filled in.
os::result<void> entry_file::write_large(bytes_view payload) const noexcept {
  const std::uint64_t at = place_behind(bytes_);
  std::array<std::byte, format::frame_header_bytes + format::time_bytes> header{};
  store_length(header.data(), payload.size());
  const auto begin = std::span{header}.first(format::frame_header_bytes + extension_bytes_);
  VARVE_POINT("entry.before_write");
  if (const auto done = os::write_at(file_.file(), at, begin); !done) return done;
  return os::write_at(file_.file(), at + begin.size(), payload);
}

/// There is room for it.
void entry_file::put_into_tail(bytes_view payload) noexcept {
  const std::uint64_t extent = extent_of(payload.size());
  const std::size_t at = tail_.size();
  tail_.resize(at + extent);  // zeros; within what was reserved
  std::byte* const frame = tail_.data() + at;
  store_length(frame, payload.size());
  if (!payload.empty()) std::memcpy(frame + format::frame_header_bytes + extension_bytes_, payload.data(), payload.size());
  bytes_ += extent;
  ++frames_;
}

os::result<void> entry_file::write_tail() noexcept {
  if (tail_.empty()) return {};
  VARVE_POINT("entry.before_write");
  if (const auto done = os::write_at(file_.file(), place_behind(bytes_ - tail_.size()), tail_); !done) return done;
  tail_.clear();
  return {};
}

result<appended> entry_file::publish(const append_options& options) noexcept {
  appender::open_frame all;
  if (const auto refused = claim(options, all)) return std::unexpected(*refused);
  const std::uint64_t first = all.at.sequence, frames = frames_;
  finish(all);
  with_.appender.announce(first, frames);
  return appended{.sequence = first + frames - 1, .position = all.position};
}

std::optional<error> entry_file::claim(const append_options& options, appender::open_frame& all) noexcept {
  if (with_.gate.get() != gate::position::open) return with_.appender.refusal().error();
  const own_segments::work work{with_.own, file_};
  if (!work) return with_.appender.refusal().error();
  std::optional<error> refused;
  if (const auto done = complete(); !done)
    refused = with_.place.fail_call(done.error()).error();
  else
    refused = with_.appender.claim_in(file_, bytes_, frames_, options, all);
  is_lost_ = refused && !file_.is_there();
  return refused;
}

/// It is ready, and synced: nobody has to wait for that any more when the appends go on in it, and a device that does not
/// take what stands there is found out before anything is claimed.
os::result<void> entry_file::complete() noexcept {
  if (!tail_.empty()) {
    with_.own.reopen(file_);
    if (const auto done = write_tail(); !done) return done;
  }
  if (file_.is_ready()) return {};  // an earlier attempt failed later
  VARVE_POINT("entry.before_complete");
  return with_.own.complete(file_, own_segments::numbering::anew);
}

/// The first stamp last: whoever sees it sees all. The lengths are the file's word, which somebody else may have written
/// to; whatever they say, no frame leads outside of the claim, and all of it is taken.
void entry_file::finish(const appender::open_frame& all) const noexcept {
  segment& in = *all.segment;
  const std::uint64_t least = extent_of(0), end = all.at.offset + all.at.extent;
  frame_space at{.offset = all.at.offset, .sequence = all.at.sequence};
  frame_space first{};
  frame_label label = all.label;
  label.kind = format::frame_kind::chunk;
  for (std::uint64_t left = frames_; left-- > 0; at.offset += at.extent, ++at.sequence) {
    const bool is_first = left + 1 == frames_;
    const std::uint64_t most = end - at.offset - left * least;
    const std::uint64_t length = std::min(load_length(in.bytes().data() + at.offset), most - least);
    at.extent = left == 0 ? most : extent_of(length);
    label.batch_flags = static_cast<std::uint8_t>((is_first ? 0 : format::frame_flags::begins_inside) |
                                                  (left > 0 ? format::frame_flags::goes_on : 0));
    fill_in_place(in, at, length, label);
    if (is_first) {
      first = at;
      continue;
    }
    core::publish(in, at);
    VARVE_POINT("publish.between_stamps");
  }
  core::publish(in, first);
}

}  // namespace varve::core
