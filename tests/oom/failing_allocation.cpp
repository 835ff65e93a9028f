// SPDX-License-Identifier: MIT
#include "oom/failing_allocation.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace varve::testing {
namespace {

constexpr std::uint64_t never = UINT64_MAX;

std::atomic<std::int64_t> in_use{0};
std::atomic<std::uint64_t> fails_from{never}, fails_to{never}, seen{0}, failed{0};
std::atomic<bool> of_every_thread{false};
thread_local bool is_of_this = false;

bool must_fail() noexcept {
  if (fails_from == never || (!of_every_thread && !is_of_this)) return false;
  const std::uint64_t number = ++seen;
  if (number < fails_from || number > fails_to) return false;
  ++failed;
  return true;
}

}  // namespace

failing_allocation::failing_allocation(whose threads, std::uint64_t nth, bool for_ever) noexcept {
  seen = failed = 0;
  of_every_thread = threads == whose::every_thread;
  is_of_this = true;
  fails_to = for_ever ? never : nth;
  fails_from = nth;
}

std::uint64_t failing_allocation::end() noexcept {
  fails_from = never;
  is_of_this = false;
  return failed;
}

std::int64_t blocks_in_use() noexcept { return in_use; }

namespace {

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (must_fail()) throw std::bad_alloc{};
  void* const block = alignment == 0 ? std::malloc(bytes != 0 ? bytes : 1)
                                     : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (block == nullptr) throw std::bad_alloc{};
  ++in_use;
  return block;
}

void release(void* block) noexcept {
  if (block == nullptr) return;
  --in_use;
  std::free(block);
}

}  // namespace
}  // namespace varve::testing

// All other forms of these end here as well; the second one only of itself, not where AddressSanitizer brings its own.
void* operator new(std::size_t bytes) { return varve::testing::allocate(bytes, 0); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return varve::testing::allocate(bytes, 0);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return varve::testing::allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { varve::testing::release(block); }
void operator delete(void* block, std::size_t) noexcept { varve::testing::release(block); }
void operator delete(void* block, std::align_val_t) noexcept { varve::testing::release(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { varve::testing::release(block); }
