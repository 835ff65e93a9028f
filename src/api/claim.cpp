// SPDX-License-Identifier: MIT
#include <varve/claim.hpp>

#include "base/error.hpp"
#include "writer/log_object.hpp"

namespace varve {

claim::claim(claim&& other) noexcept : open_(other.open_) {
  if (open_.log != nullptr) core::open_claims::replace(other.open_, open_);
  other.open_.log = nullptr;
}

claim& claim::operator=(claim&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  open_ = other.open_;
  if (open_.log != nullptr) core::open_claims::replace(other.open_, open_);
  other.open_.log = nullptr;
  return *this;
}

claim::~claim() { abandon(); }

// NOLINTNEXTLINE(readability-make-member-function-const): who may write there holds a claim that is not const
std::span<std::byte> claim::bytes() noexcept {
  if (open_.log == nullptr) return {};
  const core::frame_label label{.time_ns = open_.time_ns};
  return open_.segment->writable_bytes().subspan(open_.offset + format::frame_header_bytes + label.extension_bytes(),
                                                 open_.bytes);
}

result<sequence> claim::publish() noexcept { return publish(open_.bytes); }

result<sequence> claim::publish(std::size_t bytes) noexcept {
  if (open_.log == nullptr) return core::fail({.code = errc::closed, .first_sequence = open_.sequence});
  return open_.log->publish(open_, bytes);
}

void claim::abandon() noexcept {
  if (open_.log != nullptr) open_.log->give_up(open_, format::frame_kind::skip);
}

void claim::lose() noexcept {
  if (open_.log != nullptr) open_.log->give_up(open_, format::frame_kind::gone);
}

}  // namespace varve
