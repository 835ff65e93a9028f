// SPDX-License-Identifier: MIT
#include "chain/wake_page.hpp"

#include <cerrno>

namespace varve::core {
namespace {

// What `fenced` says of the writer.
constexpr std::uint32_t is_registered = 1, fences_itself = 2;

}  // namespace

os::result<wake_page> wake_page::open(const os::file& directory) noexcept {
  const auto live = os::open_file(directory, format::live_name, os::access::read_write);
  if (!live) return std::unexpected(live.error());
  const auto status = os::status_of(*live);
  if (!status) return std::unexpected(status.error());
  if (status->links > 1) return std::unexpected(os::failure{EMLINK});
  auto map = os::map(*live, format::live_page_bytes, os::access::read_write, format::wake_page_offset);
  if (!map) return std::unexpected(map.error());
  return wake_page{std::move(*map)};
}

void wake_page::begin_publishing() noexcept {
  fences_itself_ = !os::register_for_fences();
  // fenced:A  release. Pairs with fenced:B.
  shared::store(words().fenced, fences_itself_ ? fences_itself : is_registered, std::memory_order_release, "fenced:A");
  wake_all();
}

void wake_page::wake_all() noexcept {
  if (!map_.is_mapped()) return;
  // wake:A  release. Pairs with wake:B.
  shared::fetch_add(words().futex, std::uint32_t{1}, std::memory_order_release, "wake:A");
  os::wake_all_shared(words().futex);
}

void wake_page::wake_waiters_for(std::uint64_t awaited) noexcept {
  // relaxed: only so that the next ones need not wake as well. Another announcement stays.
  shared::compare_exchange(words().awaited, awaited, std::uint64_t{0}, std::memory_order_relaxed, "awaited:clear");
  wake_all();
}

/// False if it cannot be told that a publisher will see it.
bool wake_page::announce(std::uint64_t sequence) noexcept {
  // awaited:A  acq_rel. Pairs with awaited:B.
  const std::uint64_t before = shared::exchange(words().awaited, sequence, std::memory_order_acq_rel, "awaited:A");
  // Whoever announced that has not looked for a while, or we have not: all look again.
  if (before != 0 && before != sequence) wake_all();
  // fenced:B  acquire. Pairs with fenced:A.
  const std::uint32_t fenced = shared::load(words().fenced, std::memory_order_acquire, "fenced:B");
  return fenced == fences_itself || os::fence_registered();
}

}  // namespace varve::core
