// SPDX-License-Identifier: MIT
//
// entry_object.hpp - the chunks of an entry in the making, and how they become records. Layer log.
//
// They are gathered in memory, and nothing of the log is touched: an entry that is given up leaves nothing behind, and no
// crash has to be thought of. publish() is one batch, whose frames say that they are chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <varve/options.hpp>

#include "base/error.hpp"
#include "segment/claim.hpp"

namespace varve::core {

class log_object;

class entry_object {
 public:
  entry_object(log_object& log, const append_options& options) noexcept : log_(log), options_(options) {}

  [[nodiscard]] result<void> write_chunk(bytes_view payload) noexcept;
  [[nodiscard]] result<sequence_range> publish() noexcept;
  void roll_back() noexcept;

  [[nodiscard]] std::uint64_t chunks() const noexcept { return ends_.size(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return payloads_.size(); }

 private:
  [[nodiscard]] result<void> usable() const noexcept;
  [[nodiscard]] bool keep(bytes_view payload) noexcept;
  [[nodiscard]] bytes_view chunk(std::size_t i) const noexcept;

  log_object& log_;
  append_options options_;
  std::vector<std::byte> payloads_;  // one behind the other
  std::vector<std::uint64_t> ends_;  // of each
  std::uint64_t frames_bytes_ = 0;   // what the frames of all will take
  bool is_over_ = false;
};

}  // namespace varve::core
