// SPDX-License-Identifier: MIT
#include "base/checksum.hpp"

#include <algorithm>
#include <limits>

#include <isa-l/crc.h>
#include <isa-l/crc64.h>
// Short inputs are summed inline: a call into the shared library costs as much as the sum itself. Long ones go through the
// dispatcher, which picks the widest vectors of this processor; the library's plain entry point would use SSE2 only.
#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__x86_64__)
// Declared by xxh_x86dispatch.h, which cannot be included beside XXH_INLINE_ALL (it would rename the inline functions).
extern "C" XXH64_hash_t XXH3_64bits_dispatch(const void* input, size_t length);
#endif

namespace varve::core {
namespace {

// XXH3 treats inputs of up to 240 bytes without vectors, so dispatching gains nothing there.
constexpr std::size_t short_bytes_max = 240;

std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept {
#if defined(__x86_64__)
  if (bytes.size() > short_bytes_max) return XXH3_64bits_dispatch(bytes.data(), bytes.size());
#endif
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::uint64_t crc32c(std::span<const std::byte> bytes) noexcept {
  // ISA-L takes the length as an int and leaves both inversions of the standard CRC-32C to the caller.
  constexpr std::size_t step_max = std::size_t{1} << 30;
  static_assert(step_max <= std::numeric_limits<int>::max());
  unsigned int state = ~0U;
  while (!bytes.empty()) {
    const auto step = bytes.first(std::min(bytes.size(), step_max));
    // It does not write to the buffer; its declaration lacks the const.
    auto* at = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(step.data()));
    state = crc32_iscsi(at, static_cast<int>(step.size()), state);
    bytes = bytes.subspan(step.size());
  }
  return static_cast<std::uint32_t>(~state);
}

const unsigned char* address(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::uint64_t sum(checksum kind, std::span<const std::byte> bytes) noexcept {
  if (kind == checksum::xxh3) [[likely]]
    return xxh3(bytes);
  switch (kind) {
    case checksum::xxh3: return xxh3(bytes);
    case checksum::crc32c: return crc32c(bytes);
    case checksum::crc32: return crc32_gzip_refl(0, address(bytes), bytes.size());
    case checksum::crc64: return crc64_ecma_refl(0, address(bytes), bytes.size());
    case checksum::none: return 0;
  }
  return 0;
}

std::uint64_t sum_of_structure(std::span<const std::byte> bytes) noexcept { return xxh3(bytes); }

}  // namespace varve::core
