// SPDX-License-Identifier: MIT
#include <varve/entry.hpp>

#include "writer/entry_object.hpp"

namespace varve {

entry::entry(std::unique_ptr<core::entry_object> object) noexcept : object_(std::move(object)) {}
entry::entry(entry&&) noexcept = default;
entry& entry::operator=(entry&&) noexcept = default;
entry::~entry() = default;

result<void> entry::write_chunk(std::span<const std::byte> payload) noexcept { return object_->write_chunk(payload); }
result<void> entry::write_chunk(std::string_view payload) noexcept {
  return object_->write_chunk(std::as_bytes(std::span{payload}));
}

std::uint64_t entry::chunks() const noexcept { return object_->chunks(); }
std::uint64_t entry::bytes() const noexcept { return object_->bytes(); }

result<sequence_range> entry::publish() noexcept { return object_->publish(); }
void entry::roll_back() noexcept { object_->roll_back(); }

}  // namespace varve
