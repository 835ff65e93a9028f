// SPDX-License-Identifier: MIT
#include "log/entry_object.hpp"

#include <new>

#include "log/log_object.hpp"

namespace varve::core {

result<void> entry_object::usable() const noexcept {
  return is_over_ ? fail({.code = errc::closed, .subject = log_.path()}) : log_.may_gather();
}

result<void> entry_object::write_chunk(bytes_view payload) noexcept {
  if (auto done = usable(); !done) return done;
  const auto bytes = log_.batch_bytes(frames_bytes_, chunks() + 1, payload.size());
  if (!bytes) return std::unexpected(bytes.error());
  if (!keep(payload)) return fail({.code = errc::out_of_memory, .subject = log_.path()});
  frames_bytes_ = *bytes;
  return {};
}

/// False, and nothing has changed: there is no memory.
bool entry_object::keep(bytes_view payload) noexcept {
  try {
    ends_.push_back(payloads_.size() + payload.size());
  } catch (const std::bad_alloc&) {
    return false;
  }
  try {
    payloads_.insert(payloads_.end(), payload.begin(), payload.end());
    return true;
  } catch (const std::bad_alloc&) {
    ends_.pop_back();
    return false;
  }
}

bytes_view entry_object::chunk(std::size_t i) const noexcept {
  const std::uint64_t begin = i == 0 ? 0 : ends_[i - 1];
  return bytes_view{payloads_}.subspan(begin, ends_[i] - begin);
}

result<sequence_range> entry_object::publish() noexcept {
  if (auto done = usable(); !done) return std::unexpected(done.error());
  if (ends_.empty()) return bad_option("chunks");
  bool is_appended = false;
  const auto done = log_.append_batch(
      ends_.size(), options_, [this](std::size_t i) { return chunk(i); }, format::frame_kind::chunk, is_appended);
  if (is_appended) roll_back();  // also where it could not be made durable: a second time it would be there twice
  return done;
}

void entry_object::roll_back() noexcept {
  is_over_ = true;
  payloads_ = {};
  ends_ = {};
}

}  // namespace varve::core
