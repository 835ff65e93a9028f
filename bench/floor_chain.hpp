// SPDX-License-Identifier: MIT
//
// floor_chain.hpp - the floor over many files, which a thread prepares ahead as varve's does. One thread appends.
//
// Invariants
//   I1  At most `ahead` files are prepared and not yet begun.
//   I2  If ended files are synced, no more are prepared than the device keeps up with: at most `backlog_bytes_max` wait.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "floor.hpp"
#include "mapped_file.hpp"

namespace bench {

class floor_chain {
 public:
  struct settings {
    std::filesystem::path directory;
    std::uint64_t file_bytes = std::uint64_t{64} << 20;
    std::size_t ahead = 2;
    bool sync_ended = false;  ///< Ended files are made durable by another thread. Otherwise the kernel writes when it likes.
  };
  explicit floor_chain(settings s);
  ~floor_chain();
  floor_chain(const floor_chain&) = delete;
  floor_chain& operator=(const floor_chain&) = delete;

  /// False: there is no further file; why() says for what reason.
  bool append(std::string_view payload) {
    const std::uint64_t extent = floor_extent(payload.size());
    for (;;) {
      const auto at = current_->segment.take(extent, 1);
      if (current_->segment.fits(at, extent)) {
        current_->segment.fill(at, payload);
        current_->segment.stamp(at);
        return true;
      }
      if (!roll()) return false;
    }
  }
  [[nodiscard]] std::string why() const;

 private:
  static constexpr std::uint64_t backlog_bytes_max = std::uint64_t{1} << 30;
  struct file {
    explicit file(mapped_file made) noexcept : map{std::move(made)}, segment{map.bytes()} {}
    mapped_file map;
    floor_segment segment;
  };

  bool roll();
  void prepare();
  void retire();

  settings settings_;
  std::unique_ptr<file> current_ = std::make_unique<file>(mapped_file::none());  // full from the start

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<file>> ready_, ended_;
  std::size_t retiring_ = 0;
  std::string wrong_;
  bool stopping_ = false;
  std::thread preparer_, retirer_;
};

}  // namespace bench
