// SPDX-License-Identifier: MIT
//
// events.hpp - descriptors that become readable when a mark passes a sequence. Layer writer/state.
//
// The durable mark is moved by a thread that can tell. The published one moves by itself, so a thread of its own watches it,
// from when the first such event is asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <varve/event.hpp>

#include "base/error.hpp"
#include "chain/frontier.hpp"
#include "chain/wake_page.hpp"
#include "os/shared.hpp"

namespace varve::core {

class events {
 public:
  struct parts {
    const error_subject* path;
    core::frontier& frontier;
    wake_page& wake;
  };
  explicit events(const parts& p) noexcept : with_(p) {}
  ~events() { stop(); }
  events(const events&) = delete;
  events& operator=(const events&) = delete;

  /// Errors  io: no descriptor can be had; out_of_memory. May throw std::bad_alloc, std::system_error.
  [[nodiscard]] result<varve::event> when_durable(std::uint64_t target);
  [[nodiscard]] result<varve::event> when_published(std::uint64_t target);

  /// The durable mark has moved.
  void durable_moved(std::uint64_t durable) noexcept;
  /// Nothing more will happen: all become readable, and those that are asked for later.
  void end() noexcept;
  /// After end().
  void stop() noexcept;
  void forget_thread() noexcept { static_cast<void>(watcher_.release()); }  // in a forked child

 private:
  struct awaited {
    std::uint64_t target;
    std::weak_ptr<const os::file> event;  // its user may have gone
  };

  [[nodiscard]] result<varve::event> make(std::vector<awaited>& list, std::uint64_t target, std::uint64_t reached) const;
  static void raise(std::vector<awaited>& list, std::uint64_t reached) noexcept;
  void watch() noexcept;

  parts with_;
  std::mutex guard_;
  std::vector<awaited> durable_, published_;  // guarded by guard_
  std::uint64_t durable_mark_ = 0;            // likewise
  bool ended_ = false;                        // likewise
  bool stopping_ = false;                     // likewise
  shared::word<std::uint32_t> work_{0};       // bumped to wake the watcher
  std::unique_ptr<std::thread> watcher_;
};

}  // namespace varve::core
