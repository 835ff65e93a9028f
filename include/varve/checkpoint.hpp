// SPDX-License-Identifier: MIT
//
// checkpoint.hpp - have what the log holds saved elsewhere from time to time, so that its segments may go.
#pragma once

#include <cstdint>
#include <functional>

#include <varve/reader.hpp>
#include <varve/sequence.hpp>

namespace varve {

/// What is to be saved. Everything up to `last` is durable.
struct checkpoint_request {
  varve::reader& records;  ///< Stands at the first record that was not checkpointed; goes on behind `last` as well.
  sequence first, last;    ///< Its sequence, and that of the last one.
};

struct checkpoint_options {
  /// Saves the records, up to `last` at least, where they survive what the log survives, and returns true: from then on
  /// that position is durable in the log, open() replays nothing before it, and segments that lie before it go (keep_records
  /// and keep_for_readers hold them). False, or a crash at any moment: it is called again with at least the same records.
  ///
  /// Runs in a thread of its own, one call at a time. It may use the log, but not close or destroy it; under when_full::wait
  /// it must not append, since appends may be waiting for it. Must not throw.
  /// While there is one, retention and the byte cap never drop what was not checkpointed; trim_before() may, and so raises
  /// the position.
  std::function<bool(const checkpoint_request&)> save{};
  /// A checkpoint begins when so much was appended behind the last one, looked at whenever 4 MiB more were appended, and at
  /// each roll; also when the log has come to max_disk_bytes. 0: only on request, by log::checkpoint().
  std::uint64_t after_bytes = std::uint64_t{64} << 20;
};

}  // namespace varve
