// SPDX-License-Identifier: MIT
#include <new>

#include <varve/log_view.hpp>

#include "reader/cursor.hpp"
#include "store/log_directory.hpp"
#include "view/view_object.hpp"

namespace varve {

log_view::log_view(std::shared_ptr<core::view_object> object) noexcept : object_(std::move(object)) {}
log_view::log_view(log_view&&) noexcept = default;
log_view& log_view::operator=(log_view&&) noexcept = default;
log_view::~log_view() = default;

result<log_view> log_view::open(const std::filesystem::path& directory, const view_options& options) {
  auto object = core::view_object::open(directory, options);
  if (!object) return std::unexpected(object.error());
  return log_view{std::move(*object)};
}

result<pinned_record> log_view::read(sequence at) const { return core::reader_access::read(*object_, at); }
record_range log_view::records(sequence from) const { return core::reader_access::make_range(object_, from); }
result<sequence> log_view::find_time(record_time time) const { return core::reader_access::find_time(*object_, time); }
result<reader> log_view::reader(sequence from) const { return core::reader_access::make_reader(object_, from); }

sequence log_view::first_sequence() const noexcept { return object_->at().first; }
sequence log_view::published_sequence() const noexcept { return object_->at().published; }
sequence log_view::durable_sequence() const noexcept { return object_->at().durable; }

result<statistics> log_view::stats() const {
  try {
    return object_->stats();
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

result<log_description> log_view::describe() const {
  try {
    return object_->describe();
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

result<std::vector<retention_verdict>> log_view::plan_retention(const retention_rules& rules) const {
  try {
    return object_->plan_retention(rules);
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

result<std::vector<segment_description>> log_view::segments() const {
  try {
    return object_->segments();
  } catch (const std::bad_alloc&) {
    return core::fail({.code = errc::out_of_memory});
  }
}

}  // namespace varve
