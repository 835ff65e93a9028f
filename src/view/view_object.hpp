// SPDX-License-Identifier: MIT
//
// view_object.hpp - a log seen from outside. Layer view.
//
// Beside a writer that appends it reads stamps, like everybody. Without one, and beside one that is still recovering the
// log, it shows what recovery will leave: it has a survey of the directory, believed only if no writer began meanwhile. It
// changes between the two as writers come and go; positions stay true, since recovery keeps the bytes that a view has shown.
// But for a truncation: the last segment that it still knows then ends where the log was cut.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <varve/log_view.hpp>

#include "chain/frontier.hpp"
#include "chain/record_source.hpp"
#include "chain/segment_table.hpp"
#include "chain/wake_page.hpp"
#include "recovery/stable_survey.hpp"
#include "recovery/survey.hpp"
#include "store/live_file.hpp"
#include "store/log_place.hpp"
#include "store/segment_files.hpp"
#include "store/state_file.hpp"

namespace varve::core {

class view_object final : public record_source {
 public:
  [[nodiscard]] static result<std::shared_ptr<view_object>> open(const std::filesystem::path& directory,
                                                                 const view_options& options);

  [[nodiscard]] const error_subject* path() const noexcept override { return place_.path; }
  [[nodiscard]] bool verify_on_read() const noexcept override { return options_.verify_on_read; }
  [[nodiscard]] result<void> usable() noexcept override;
  [[nodiscard]] std::uint64_t first() noexcept override;
  [[nodiscard]] std::uint64_t published() noexcept override;
  [[nodiscard]] std::uint64_t known_published() const noexcept override { return frontier_.published(); }
  [[nodiscard]] errc beyond(std::uint64_t) const noexcept override { return errc::not_yet; }
  [[nodiscard]] result<std::shared_ptr<const segment>> holding(std::uint64_t sequence) override {
    return table_.holding(sequence);
  }
  [[nodiscard]] bool keeps_times() const noexcept override { return place_.keeps_times(); }
  [[nodiscard]] segment_table& segments_by_time() noexcept override { return table_; }

  [[nodiscard]] result<void> await_published(std::uint64_t sequence, os::deadline until) override;

  /// As they are when it is called; if a look at the files fails, as the last one that did not has seen them.
  [[nodiscard]] marks at() noexcept;
  [[nodiscard]] result<statistics> stats();
  [[nodiscard]] result<std::vector<segment_description>> segments();
  [[nodiscard]] result<log_description> describe();
  [[nodiscard]] result<std::vector<retention_verdict>> plan_retention(const retention_rules& rules);

 private:
  view_object(log_place place, const view_options& options) noexcept
      : record_source(turn_), place_(std::move(place)), options_(options), table_(place_, pinning::yes), frontier_(table_) {}

  // Each is called with guard_ held.
  [[nodiscard]] marks look_now() noexcept;
  void look_further() noexcept;
  void set_trouble(std::optional<error> what) noexcept;
  [[nodiscard]] result<void> look_at_everything();
  void take_over(survey s, std::vector<table_entry> entries, std::uint32_t truncations) noexcept;
  [[nodiscard]] bool knows(std::uint64_t number, std::uint64_t salt) const noexcept;
  [[nodiscard]] std::uint64_t where_truncated(const survey& s) const noexcept;
  [[nodiscard]] std::uint64_t cut_to_tell(const survey& s, std::uint64_t end, std::uint32_t times) const noexcept;
  [[nodiscard]] result<void> keep_up();
  void watch(live_file live);
  [[nodiscard]] bool is_behind() const noexcept;
  [[nodiscard]] result<walker> start_of(const survey& s);
  [[nodiscard]] result<bool> follow(const walker& at);
  [[nodiscard]] result<bool> extend_chain();
  [[nodiscard]] result<segment_files> look_at_files();
  [[nodiscard]] std::vector<segment_description> list(const segment_files& found);
  void describe_positions(log_description& d) const;
  [[nodiscard]] result<void> describe_writer(log_description& d);

  shared::word<std::uint64_t> turn_{0};
  log_place place_;
  const view_options options_;
  segment_table table_;
  core::frontier frontier_;

  mutable std::mutex guard_;
  std::optional<state_file> state_;
  live_file live_;
  // Earlier ones, should it have been replaced: turn_place_ is looked at without the lock.
  std::vector<live_file> earlier_live_;
  shared::word<const std::uint64_t*> turn_place_{nullptr};
  shared::word<std::uint64_t> seen_turn_{0};
  survey seen_;
  std::optional<std::uint32_t> seen_truncations_;  // the count that seen_ has taken into account
  bool is_looking_ = false;                        // a look began, and did not come to its end
  std::shared_ptr<wake_page> wake_;                // of live_; made by the first who waits
  std::uint64_t durable_ = 0;                      // the highest mark that was seen
  std::optional<error> trouble_;                   // what kept the view from looking further
  shared::word<std::uint32_t> is_troubled_{0};
};

}  // namespace varve::core
