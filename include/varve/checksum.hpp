// SPDX-License-Identifier: MIT
//
// checksum.hpp - what protects the payloads of a log.
#pragma once

#include <cstdint>

namespace varve {

/// What protects a payload. Headers are protected by XXH3 whatever is chosen here.
enum class checksum : std::uint8_t {
  xxh3 = 1,  ///< XXH3, 64 bits: the default, the fastest at every size.
  crc32c,    ///< Castagnoli, 32 bits.
  crc32,     ///< IEEE 802.3, 32 bits.
  crc64,     ///< ECMA-182, 64 bits.
  none,      ///< Payloads unprotected. After a power loss everything that was not durable is cut.
};

}  // namespace varve
