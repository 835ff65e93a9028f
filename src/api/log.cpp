// SPDX-License-Identifier: MIT
#include <new>
#include <string_view>

#include <varve/log.hpp>

#include "api/saving.hpp"
#include "reader/cursor.hpp"
#include "writer/log_object.hpp"

namespace varve {

log::log(std::shared_ptr<core::log_object> object) noexcept : object_(std::move(object)) {}
log::log(log&&) noexcept = default;
log& log::operator=(log&& other) noexcept {
  if (this != &other) {
    let_go();
    object_ = std::move(other.object_);
  }
  return *this;
}
log::~log() { let_go(); }

void log::let_go() noexcept {
  if (!object_) return;
  object_->abandon_own_claims();
  static_cast<void>(object_->close());
}

result<log> log::open(const std::filesystem::path& directory, const log_options& options) {
  try {
    auto object = core::log_object::open(directory, options, core::reading_for(options));
    if (!object) return std::unexpected(object.error());
    return log{std::move(*object)};
  } catch (const std::bad_alloc&) {  // where the user's functions were copied
    return core::fail({.code = errc::out_of_memory});
  }
}

result<void> log::close() noexcept { return object_->close(); }

result<sequence> log::append(std::span<const std::byte> payload, const append_options& options) noexcept {
  return object_->append(payload, options);
}

result<sequence> log::append(std::string_view payload, const append_options& options) noexcept {
  return object_->append(std::as_bytes(std::span{payload}), options);
}

result<sequence> log::append_pieces(std::span<const std::span<const std::byte>> pieces,
                                    const append_options& options) noexcept {
  return object_->append_pieces(pieces, options);
}

result<sequence_range> log::append_batch(std::span<const std::span<const std::byte>> payloads,
                                         const append_options& options) noexcept {
  return object_->append_batch(payloads.size(), options, [payloads](std::size_t i) { return payloads[i]; });
}

result<sequence_range> log::append_batch(std::span<const std::string_view> payloads,
                                         const append_options& options) noexcept {
  return object_->append_batch(payloads.size(), options,
                               [payloads](std::size_t i) { return std::as_bytes(std::span{payloads[i]}); });
}

result<entry> log::begin_entry(const append_options& options) noexcept {
  auto made = object_->begin_entry(options);
  if (!made) return std::unexpected(made.error());
  return entry{std::move(*made)};
}

result<claim> log::claim(std::size_t bytes, const append_options& options) noexcept {
  return object_->claim(bytes, options);
}

result<sequence> log::sync() noexcept { return object_->sync(); }

result<void> log::sync(sequence target, std::chrono::steady_clock::time_point deadline) noexcept {
  return object_->sync(target, deadline);
}

result<bool> log::wait_durable(sequence target, std::chrono::steady_clock::time_point deadline) noexcept {
  return object_->wait_durable(target, deadline);
}

result<void> log::trim_before(sequence target) noexcept { return object_->trim_before(target); }

result<void> log::truncate_after(sequence last) noexcept { return object_->truncate_after(last); }
result<void> log::reset(sequence next) noexcept { return object_->reset(next); }

result<std::vector<retention_verdict>> log::plan_retention(const retention_rules& rules) const {
  return object_->plan_retention(rules);
}
result<std::vector<retention_verdict>> log::retain(const retention_rules& rules) { return object_->retain(rules); }

result<event> log::durable_event(sequence target) noexcept { return object_->durable_event(target); }
result<event> log::published_event(sequence target) noexcept { return object_->published_event(target); }

result<pinned_record> log::read(sequence at) const { return core::reader_access::read(*object_, at); }

record_range log::records(sequence from) const { return core::reader_access::make_range(object_, from); }

result<sequence> log::find_time(record_time time) const { return core::reader_access::find_time(*object_, time); }

result<reader> log::reader(sequence from) const { return core::reader_access::make_reader(object_, from); }

sequence log::first_sequence() const noexcept { return {object_->first()}; }
sequence log::published_sequence() const noexcept { return {object_->published()}; }
sequence log::durable_sequence() const noexcept { return {object_->durable()}; }
result<sequence> log::checkpoint() noexcept { return object_->checkpoint(); }
sequence log::checkpointed_sequence() const noexcept { return {object_->checkpointed()}; }
sequence log::archived_sequence() const noexcept { return {object_->archived()}; }
statistics log::stats() const noexcept { return object_->stats(); }
std::uint64_t log::record_bytes_max() const noexcept { return object_->record_bytes_max(); }
const recovery_report& log::recovery() const noexcept { return object_->recovery(); }
std::optional<error> log::failure() const noexcept { return object_->failure(); }
std::optional<error> log::mark_failure() const noexcept { return object_->mark_failure(); }

}  // namespace varve
