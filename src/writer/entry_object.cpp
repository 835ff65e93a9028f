// SPDX-License-Identifier: MIT
#include "writer/entry_object.hpp"

#include <new>
#include <utility>

#include "writer/log_object.hpp"

namespace varve::core {

result<void> entry_object::usable() const noexcept {
  return is_over_ ? fail({.code = errc::closed, .subject = log_.path()}) : log_.may_gather();
}

result<void> entry_object::write_chunk(bytes_view payload) noexcept {
  if (auto done = usable(); !done) return done;
  const auto frames_bytes = log_.batch_bytes(frames_bytes_, chunks_ + 1, payload.size());
  if (!frames_bytes) return std::unexpected(frames_bytes.error());
  auto done = file_ ? file_->write(payload) : log_.is_large(*frames_bytes) ? spill(payload, *frames_bytes) : keep(payload);
  if (!done) return done;
  ++chunks_;
  bytes_ += payload.size();
  frames_bytes_ = *frames_bytes;
  return {};
}

result<void> entry_object::keep(bytes_view payload) noexcept {
  try {
    ends_.push_back(payloads_.size() + payload.size());
    payloads_.insert(payloads_.end(), payload.begin(), payload.end());
    return {};
  } catch (const std::bad_alloc&) {
    ends_.resize(chunks_);
    return fail({.code = errc::out_of_memory, .subject = log_.path()});
  }
}

/// All of them go to a file, with this one behind them. What is in memory stays there until they have.
result<void> entry_object::spill(bytes_view payload, std::uint64_t frames_bytes) noexcept {
  auto made = log_.make_entry_file();
  if (!made) return std::unexpected(made.error());
  entry_file& file = **made;
  if (auto done = file.reserve(frames_bytes); !done) return done;
  for (std::size_t i = 0; i < ends_.size(); ++i)
    if (auto done = file.write(chunk(i)); !done) return done;
  if (auto done = file.write(payload); !done) return done;
  VARVE_POINT("entry.spilled");
  file_ = std::move(*made);
  payloads_ = {};
  ends_ = {};
  return {};
}

bytes_view entry_object::chunk(std::size_t i) const noexcept {
  const std::uint64_t begin = i == 0 ? 0 : ends_[i - 1];
  return bytes_view{payloads_}.subspan(begin, ends_[i] - begin);
}

result<sequence_range> entry_object::publish() noexcept {
  if (auto done = usable(); !done) return std::unexpected(done.error());
  if (chunks_ == 0) return bad_option("chunks");
  bool is_appended = false;
  const auto done = file_ ? log_.append_entry(*file_, chunks_, options_, is_appended)
                          : log_.append_batch(
                                ends_.size(), options_, [this](std::size_t i) { return chunk(i); },
                                format::frame_kind::chunk, is_appended);
  // Also where it could not be made durable: a second time it would be there twice.
  if (is_appended || (file_ && file_->is_lost())) roll_back();
  return done;
}

void entry_object::roll_back() noexcept {
  is_over_ = true;
  chunks_ = bytes_ = 0;
  payloads_ = {};
  ends_ = {};
  file_.reset();
}

}  // namespace varve::core
