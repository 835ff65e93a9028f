// SPDX-License-Identifier: MIT
//
// log_object.hpp - a log that is open for writing: its parts, and how they begin and end together. Layer writer.
//
// Order of an open: lock, read, survey, repair, prepare a fresh segment if the old one may not be gone on with, make the new
// state durable, and only then begin that segment and allow the first claim. Order of a close: stop claims, wait for those
// under way, end the threads, sync everything, seal what has ended, and then the state `clean`.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <varve/log.hpp>

#include "chain/frontier.hpp"
#include "chain/record_source.hpp"
#include "chain/segment_table.hpp"
#include "chain/wake_page.hpp"
#include "recovery/survey.hpp"
#include "store/live_file.hpp"
#include "store/log_place.hpp"
#include "writer/append/appender.hpp"
#include "writer/append/entry_file.hpp"
#include "writer/append/open_claims.hpp"
#include "writer/durable/mark_keeper.hpp"
#include "writer/durable/periodic_syncer.hpp"
#include "writer/durable/syncer.hpp"
#include "writer/entry_object.hpp"
#include "writer/retire/archive_feed.hpp"
#include "writer/retire/checkpointer.hpp"
#include "writer/retire/retention_worker.hpp"
#include "writer/retire/sealer.hpp"
#include "writer/retire/trimmer.hpp"
#include "writer/state/events.hpp"
#include "writer/state/failure_latch.hpp"
#include "writer/state/gate.hpp"
#include "writer/state/log_state.hpp"
#include "writer/state/worker.hpp"
#include "writer/supply/oversize_segments.hpp"
#include "writer/supply/segment_supply.hpp"
#include "writer/truncator.hpp"

namespace varve::core {

class log_object;

/// What the layer above does for a log, since it knows how to read one.
struct reading_layer {
  /// Called when the log has been recovered, before it takes appends and before any thread of its own runs; an error ends
  /// the open. May be empty.
  std::function<result<void>(log_object&)> replay{};
  /// See checkpointer::saving. Empty if log_options::checkpoint::save is.
  std::function<result<bool>(log_object&, std::uint64_t first, std::uint64_t last)> save{};
};

/// About how many bytes of frames stand behind the sequence `last`.
[[nodiscard]] std::uint64_t bytes_behind(const survey& s, std::uint64_t last) noexcept;

class log_object final : public record_source, public std::enable_shared_from_this<log_object> {
 public:
  [[nodiscard]] static result<std::shared_ptr<log_object>> open(const std::filesystem::path& directory,
                                                                const log_options& options, reading_layer above = {});
  ~log_object() override;

  [[nodiscard]] result<void> close() noexcept;

  // ---- Appending.
  [[nodiscard]] result<sequence> append(bytes_view payload, const append_options& options) noexcept;
  [[nodiscard]] result<sequence> append_pieces(std::span<const bytes_view> pieces, const append_options& options) noexcept;
  template <class Payload>
  [[nodiscard]] result<sequence_range> append_batch(std::size_t count, const append_options& options,
                                                    Payload payload) noexcept {
    if (count == 0) return bad_option("payloads");
    bool unused = false;
    return append_batch(count, options, payload, format::frame_kind::record, unused);
  }
  /// At least one frame of that kind. `is_appended`: they are there, whatever it answers.
  template <class Payload>
  [[nodiscard]] result<sequence_range> append_batch(std::size_t count, const append_options& options, Payload payload,
                                                    format::frame_kind kind, bool& is_appended) noexcept {
    return append_all(count, options, [&] { return appender_.append_batch(count, options, payload, kind); }, is_appended);
  }

  // ---- Entries.
  [[nodiscard]] result<std::unique_ptr<entry_object>> begin_entry(const append_options& options) noexcept;
  /// Whether there is any use in preparing what is to be appended. Errors: closed, forked.
  [[nodiscard]] result<void> may_gather() const noexcept;
  /// The same of an entry of so many chunks that was written to a file.
  [[nodiscard]] result<sequence_range> append_entry(entry_file& file, std::uint64_t chunks, const append_options& options,
                                                    bool& is_appended) noexcept;
  [[nodiscard]] result<std::unique_ptr<entry_file>> make_entry_file() noexcept;
  [[nodiscard]] bool is_large(std::uint64_t frames_bytes) const noexcept { return appender_.is_large(frames_bytes); }
  /// As appender::batch_bytes().
  [[nodiscard]] result<std::uint64_t> batch_bytes(std::uint64_t bytes, std::uint64_t frames,
                                                  std::uint64_t length) const noexcept {
    return appender_.batch_bytes(bytes, frames, length);
  }

  // ---- Claims in place; all by the thread that holds the claim.
  [[nodiscard]] result<varve::claim> claim(std::uint64_t bytes, const append_options& options) noexcept;
  [[nodiscard]] result<sequence> publish(open_claim& c, std::uint64_t bytes) noexcept;
  /// It will be no record: `as` says why.
  void give_up(open_claim& c, format::frame_kind as) noexcept;
  /// Before the log goes, so that what is left of them is harmless.
  void abandon_own_claims() noexcept;

  // ---- Durability.
  [[nodiscard]] result<sequence> sync() noexcept;
  [[nodiscard]] result<void> sync(sequence target, os::deadline until) noexcept;
  [[nodiscard]] result<bool> wait_durable(sequence target, os::deadline until) noexcept;
  [[nodiscard]] result<event> durable_event(sequence target) noexcept;
  [[nodiscard]] result<event> published_event(sequence target) noexcept;

  // ---- What goes.
  [[nodiscard]] result<void> trim_before(sequence target) noexcept;
  [[nodiscard]] result<void> truncate_after(sequence last) noexcept;
  [[nodiscard]] result<void> reset(sequence next) noexcept;
  [[nodiscard]] result<std::vector<retention_verdict>> plan_retention(const retention_rules& rules);
  [[nodiscard]] result<std::vector<retention_verdict>> retain(const retention_rules& rules);

  // ---- What is saved elsewhere.
  [[nodiscard]] result<sequence> checkpoint() noexcept;
  /// For a replay. May throw std::bad_alloc.
  [[nodiscard]] std::vector<retained_segment> segments() { return retainer_.segments(); }
  [[nodiscard]] const log_place& place() const noexcept { return place_; }

  // ---- What a reader needs.
  [[nodiscard]] const error_subject* path() const noexcept override { return place_.path; }
  [[nodiscard]] bool verify_on_read() const noexcept override { return verify_on_read_; }
  [[nodiscard]] result<void> usable() noexcept override;
  [[nodiscard]] std::uint64_t first() noexcept override { return trimmer_.first(); }
  [[nodiscard]] std::uint64_t published() noexcept override;
  [[nodiscard]] std::uint64_t known_published() const noexcept override { return frontier_.published(); }
  [[nodiscard]] errc beyond(std::uint64_t sequence) const noexcept override;
  [[nodiscard]] result<std::shared_ptr<const segment>> holding(std::uint64_t sequence) override {
    return table_.holding(sequence);
  }
  [[nodiscard]] bool keeps_times() const noexcept override { return place_.keeps_times(); }
  [[nodiscard]] segment_table& segments_by_time() noexcept override { return table_; }
  [[nodiscard]] result<void> await_published(std::uint64_t sequence, os::deadline until) override;

  // ---- Looking on.
  [[nodiscard]] std::uint64_t durable() const noexcept { return syncer_.durable(); }
  [[nodiscard]] std::uint64_t checkpointed() const noexcept { return state_.checkpoint(); }
  [[nodiscard]] std::uint64_t archived() const noexcept { return state_.archived(); }
  [[nodiscard]] statistics stats() noexcept;
  [[nodiscard]] std::uint64_t record_bytes_max() const noexcept {
    return format::payload_bytes_max(format::segment_bytes_max, place_.meta.times != 0 ? format::time_bytes : 0);
  }
  [[nodiscard]] const recovery_report& recovery() const noexcept { return report_; }
  [[nodiscard]] std::optional<error> failure() const noexcept { return latch_.get(); }
  [[nodiscard]] std::optional<error> mark_failure() const noexcept {
    return is_forked() ? std::nullopt : marks_.failure();  // its lock may belong to a thread that is not here
  }

 private:
  log_object(log_place place, const log_options& options, reading_layer above);

  [[nodiscard]] result<void> open_files(const log_options& options);
  [[nodiscard]] result<void> open_live(const log_options& options);
  [[nodiscard]] result<void> start(const log_options& options);
  [[nodiscard]] result<void> enter_segments(const survey& s);
  [[nodiscard]] result<std::unique_ptr<control_block>> block_to_go_on(const survey& s, const log_options& options);
  [[nodiscard]] result<std::unique_ptr<control_block>> fresh_block(survey& s, const log_options& options);
  [[nodiscard]] result<void> begin_fresh(control_block& block, const survey& s);
  [[nodiscard]] result<void> store_open_state(const survey& s);
  void start_threads(const log_options& options, const survey& s, const std::shared_ptr<segment>& active,
                     std::uint64_t offset);
  void tell_leftovers(const survey& s);
  void end_threads() noexcept;
  [[nodiscard]] result<void> store_clean_state(std::uint64_t next);
  template <class Append>
  [[nodiscard]] result<sequence_range> append_all(std::uint64_t count, const append_options& options, Append append,
                                                  bool& is_appended) noexcept {
    const durability& policy = policy_of(options);
    if (auto done = may_wait(policy); !done) return std::unexpected(done.error());
    const auto last = append();
    if (!last) return std::unexpected(last.error());
    is_appended = true;
    if (auto done = honour(policy, *last); !done) return std::unexpected(done.error());
    return sequence_range{{last->sequence - count + 1}, {last->sequence + 1}};
  }
  [[nodiscard]] const durability& policy_of(const append_options& options) const noexcept {
    return options.durability ? *options.durability : durability_;
  }
  [[nodiscard]] result<void> may_wait(const durability& policy) const noexcept;
  [[nodiscard]] result<void> may_wait_for(std::uint64_t sequence) const noexcept;
  template <class Cut>
  [[nodiscard]] result<void> truncate(Cut cut) noexcept;
  [[nodiscard]] result<void> may_ask_for(sequence target) const noexcept;
  [[nodiscard]] result<void> archive_before(std::uint64_t target) noexcept;
  [[nodiscard]] bool is_callback_thread() const noexcept {
    return archivist_.is_this_thread() || checkpointer_.is_this_thread();
  }
  [[nodiscard, gnu::noinline]] result<sequence> append_and_wait(bytes_view payload, const append_options& options) noexcept;
  template <class Make>
  [[nodiscard]] result<event> make_event(Make make) noexcept;
  [[nodiscard]] result<void> honour(const durability& policy, const appended& last) noexcept;
  [[nodiscard]] bool is_forked() const noexcept { return gate_.get() == gate::position::forked; }

  shared::word<std::uint64_t> turn_{0};
  log_place place_;
  reading_layer above_;
  bool verify_on_read_;
  durability durability_;
  recovery_report report_;

  log_state state_;
  live_file live_;
  core::gate gate_;
  wake_page wake_;
  segment_table table_;
  core::frontier frontier_;
  core::events events_;
  failure_latch latch_;
  worker background_;  // of periodic_
  mark_keeper marks_;
  core::syncer syncer_;
  core::preparer preparer_;
  std::mutex life_;  // whoever moves an end of the log: trims, truncates, closes; one at a time
  core::trimmer trimmer_;
  core::retainer retainer_;
  core::sealer sealer_;
  core::archivist archivist_;
  own_segments own_;
  core::appender appender_;
  periodic_syncer periodic_;
  core::checkpointer checkpointer_;
  core::truncator truncator_;

  std::mutex closing_;                  // whoever closes; taken before life_
  bool closed_ = true;                  // changed with both; until start() is done there is nothing to close
  std::optional<error> close_failure_;  // likewise
};

}  // namespace varve::core
