// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <span>
#include <vector>

#include "capi/error.hpp"
#include "capi/handles.hpp"
#include "capi/options.hpp"
#include "capi/sized.hpp"

using namespace varve;

namespace {

std::span<const std::byte> span_of(const void* data, std::size_t bytes) noexcept {
  return {static_cast<const std::byte*>(data), bytes};
}

/// The C++ interface takes spans, which need not be laid out as varve_bytes are. Few are copied to the stack.
class pieces {
 public:
  pieces(const varve_bytes* given, std::size_t count) {
    if (count > few_.size()) many_.resize(count);
    const std::span<std::span<const std::byte>> to = count > few_.size() ? std::span{many_} : std::span{few_}.first(count);
    for (std::size_t i = 0; i < count; ++i) to[i] = span_of(given[i].data, given[i].bytes);
    all_ = to;
  }
  pieces(const pieces&) = delete;
  pieces& operator=(const pieces&) = delete;
  [[nodiscard]] std::span<const std::span<const std::byte>> all() const noexcept { return all_; }

 private:
  std::array<std::span<const std::byte>, 16> few_{};
  std::vector<std::span<const std::byte>> many_;
  std::span<const std::span<const std::byte>> all_;
};

template <class Call>
int with_event(Call call, varve_event** event, int* descriptor) {
  return capi::guarded([&] {
    auto made = call();
    if (!made) return capi::remember(made.error());
    const int number = made->descriptor();
    *event = new varve_event{std::move(*made)};
    *descriptor = number;
    return static_cast<int>(VARVE_OK);
  });
}

void store(std::uint64_t* to, sequence s) noexcept {
  if (to != nullptr) *to = s.value;
}

}  // namespace

int varve_log_open(const char* directory, const varve_log_options* options, varve_log** log) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options);
    if (!known) return capi::remember(errc::bad_option);
    auto opened = varve::log::open(directory, *known);
    if (!opened) return capi::remember(opened.error());
    *log = new varve_log{std::move(*opened)};
    return static_cast<int>(VARVE_OK);
  });
}

int varve_log_close(varve_log* log) { return capi::done(log->log.close()); }
void varve_log_free(varve_log* log) { delete log; }

int varve_log_append(varve_log* log, const void* data, size_t bytes, const varve_append_options* options,
                     uint64_t* sequence) {
  const auto known = capi::options_of(options);
  if (!known) return capi::remember(errc::bad_option);
  return capi::taken(log->log.append(span_of(data, bytes), *known), [&](varve::sequence s) { store(sequence, s); });
}

int varve_log_append_pieces(varve_log* log, const varve_bytes* given, size_t count, const varve_append_options* options,
                            uint64_t* sequence) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options);
    if (!known) return capi::remember(errc::bad_option);
    const pieces p{given, count};
    return capi::taken(log->log.append_pieces(p.all(), *known), [&](varve::sequence s) { store(sequence, s); });
  });
}

int varve_log_append_batch(varve_log* log, const varve_bytes* payloads, size_t count, const varve_append_options* options,
                           uint64_t* first) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options);
    if (!known) return capi::remember(errc::bad_option);
    const pieces p{payloads, count};
    return capi::taken(log->log.append_batch(p.all(), *known), [&](const sequence_range& r) { store(first, r.first); });
  });
}

int varve_log_begin_entry(varve_log* log, const varve_append_options* options, varve_entry** entry) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options);
    if (!known) return capi::remember(errc::bad_option);
    auto begun = log->log.begin_entry(*known);
    if (!begun) return capi::remember(begun.error());
    *entry = new varve_entry{std::move(*begun)};
    return static_cast<int>(VARVE_OK);
  });
}

int varve_entry_write_chunk(varve_entry* entry, const void* data, size_t bytes) {
  return capi::done(entry->entry.write_chunk(span_of(data, bytes)));
}

uint64_t varve_entry_chunks(const varve_entry* entry) { return entry->entry.chunks(); }
uint64_t varve_entry_bytes(const varve_entry* entry) { return entry->entry.bytes(); }

int varve_entry_publish(varve_entry* entry, uint64_t* first) {
  return capi::taken(entry->entry.publish(), [&](const sequence_range& r) { store(first, r.first); });
}

void varve_entry_roll_back(varve_entry* entry) { entry->entry.roll_back(); }
void varve_entry_free(varve_entry* entry) { delete entry; }

int varve_log_claim(varve_log* log, size_t bytes, const varve_append_options* options, varve_claim** claim, void** data) {
  return capi::guarded([&] {
    const auto known = capi::options_of(options);
    if (!known) return capi::remember(errc::bad_option);
    auto made = log->log.claim(bytes, *known);
    if (!made) return capi::remember(made.error());
    *claim = new varve_claim{std::move(*made)};  // if there is no memory the claim is abandoned
    *data = (*claim)->claim.bytes().data();
    return static_cast<int>(VARVE_OK);
  });
}

int varve_claim_publish(varve_claim* claim, size_t bytes, uint64_t* sequence) {
  return capi::taken(claim->claim.publish(bytes), [&](varve::sequence s) { store(sequence, s); });
}

uint64_t varve_claim_sequence(const varve_claim* claim) { return claim->claim.sequence().value; }
void varve_claim_lose(varve_claim* claim) { claim->claim.lose(); }
void varve_claim_free(varve_claim* claim) { delete claim; }

int varve_log_sync(varve_log* log, uint64_t* durable) {
  return capi::taken(log->log.sync(), [&](sequence s) { store(durable, s); });
}

int varve_log_sync_to(varve_log* log, uint64_t target, int64_t timeout_ns) {
  return capi::done(log->log.sync({target}, capi::deadline_of(timeout_ns)));
}

int varve_log_wait_durable(varve_log* log, uint64_t target, int64_t timeout_ns) {
  return capi::there(log->log.wait_durable({target}, capi::deadline_of(timeout_ns)));
}

int varve_log_durable_event(varve_log* log, uint64_t target, varve_event** event, int* descriptor) {
  return with_event([&] { return log->log.durable_event({target}); }, event, descriptor);
}

int varve_log_published_event(varve_log* log, uint64_t target, varve_event** event, int* descriptor) {
  return with_event([&] { return log->log.published_event({target}); }, event, descriptor);
}

void varve_event_free(varve_event* event) { delete event; }

int varve_log_checkpoint(varve_log* log, uint64_t* position) {
  return capi::taken(log->log.checkpoint(), [&](sequence s) { store(position, s); });
}
uint64_t varve_log_checkpointed_sequence(const varve_log* log) { return log->log.checkpointed_sequence().value; }
uint64_t varve_log_archived_sequence(const varve_log* log) { return log->log.archived_sequence().value; }

int varve_log_trim_before(varve_log* log, uint64_t target) { return capi::done(log->log.trim_before({target})); }
int varve_log_truncate_after(varve_log* log, uint64_t last) { return capi::done(log->log.truncate_after({last})); }
int varve_log_reset(varve_log* log, uint64_t next) { return capi::done(log->log.reset({next})); }

int varve_log_plan_retention(const varve_log* log, const varve_retention_rules* rules, varve_on_verdict on_verdict,
                             void* user) {
  return capi::guarded([&] {
    const auto known = capi::options_of(rules);
    if (!known) return capi::remember(errc::bad_option);
    return capi::give(log->log.plan_retention(*known), on_verdict, user);
  });
}

int varve_log_retain(varve_log* log, const varve_retention_rules* rules, varve_on_verdict on_verdict, void* user) {
  return capi::guarded([&] {
    const auto known = capi::options_of(rules);
    if (!known) return capi::remember(errc::bad_option);
    return capi::give(log->log.retain(*known), on_verdict, user);
  });
}

int varve_log_read(const varve_log* log, uint64_t sequence, varve_record* record, varve_pin** pin) {
  return capi::give(log->log.read({sequence}), record, pin);
}

int varve_log_read_copy(const varve_log* log, uint64_t sequence, void* buffer, size_t capacity, varve_record* record) {
  return capi::give_copy(log->log.read({sequence}), buffer, capacity, record);
}

int varve_log_find_time(const varve_log* log, int64_t time_ns, uint64_t* sequence) {
  return capi::taken(log->log.find_time(capi::time_of(time_ns)), [&](varve::sequence s) { *sequence = s.value; });
}

int varve_log_reader(const varve_log* log, uint64_t from, varve_reader** reader) {
  return capi::give(log->log.reader({from}), reader);
}

uint64_t varve_log_first_sequence(const varve_log* log) { return log->log.first_sequence().value; }
uint64_t varve_log_published_sequence(const varve_log* log) { return log->log.published_sequence().value; }
uint64_t varve_log_durable_sequence(const varve_log* log) { return log->log.durable_sequence().value; }
uint64_t varve_log_record_bytes_max(const varve_log* log) { return log->log.record_bytes_max(); }

int varve_log_stats(const varve_log* log, varve_statistics* statistics) { return capi::give(log->log.stats(), statistics); }

int varve_log_failure(const varve_log* log) {
  const auto failed = log->log.failure();
  return failed ? capi::remember(*failed) : VARVE_OK;
}

int varve_log_mark_failure(const varve_log* log) {
  const auto failed = log->log.mark_failure();
  return failed ? capi::remember(*failed) : VARVE_OK;
}

int varve_log_recovery(const varve_log* log, varve_report* report, varve_on_finding on_finding, void* user) {
  return capi::give(log->log.recovery(), report, on_finding, user);
}
