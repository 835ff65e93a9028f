// SPDX-License-Identifier: MIT
//
// catch.hpp - Catch2, version 3 or 2, under one name. Tests include this and nothing of Catch2 itself.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace varve::testing {

/// What another thread than the test's own expects: Catch's macros are for one thread alone.
inline void expect(bool held, std::source_location where = std::source_location::current()) noexcept {
  if (held) return;
  static_cast<void>(std::fprintf(stderr, "%s:%u: this does not hold\n", where.file_name(), where.line()));
  std::abort();
}

}  // namespace varve::testing
