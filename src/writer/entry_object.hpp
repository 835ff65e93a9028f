// SPDX-License-Identifier: MIT
//
// entry_object.hpp - the chunks of an entry in the making, and how they become records. Layer writer.
//
// They are gathered in memory as long as a segment of the log's size could take them all; publish() is then one batch,
// whose frames say that they are chunks. What is more will need a segment of its own in any case: it goes into the file of
// that, and what is in memory goes before it. Either way nothing of the log is touched before publish(): an entry that is
// given up leaves nothing behind, and what a crash leaves is a file that was never begun.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <varve/options.hpp>

#include "base/error.hpp"
#include "segment/claim.hpp"
#include "writer/append/entry_file.hpp"

namespace varve::core {

class log_object;

class entry_object {
 public:
  entry_object(log_object& log, const append_options& options) noexcept : log_(log), options_(options) {}

  [[nodiscard]] result<void> write_chunk(bytes_view payload) noexcept;
  [[nodiscard]] result<sequence_range> publish() noexcept;
  void roll_back() noexcept;

  [[nodiscard]] std::uint64_t chunks() const noexcept { return chunks_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  [[nodiscard]] result<void> usable() const noexcept;
  [[nodiscard]] result<void> keep(bytes_view payload) noexcept;
  [[nodiscard]] result<void> spill(bytes_view payload, std::uint64_t frames_bytes) noexcept;
  [[nodiscard]] bytes_view chunk(std::size_t i) const noexcept;

  log_object& log_;
  append_options options_;
  std::uint64_t chunks_ = 0, bytes_ = 0;
  std::uint64_t frames_bytes_ = 0;    // what the frames of all will take
  std::vector<std::byte> payloads_;   // one behind the other, of those in memory
  std::vector<std::uint64_t> ends_;   // of each of these
  std::unique_ptr<entry_file> file_;  // or all of them
  bool is_over_ = false;
};

}  // namespace varve::core
