// SPDX-License-Identifier: MIT
//
// point.hpp - named points, at which a test may stop, kill or count. Nothing in a release: VARVE_TESTING is defined only
// for the copy of the library that the tests link.
#pragma once

#ifdef VARVE_TESTING

#include <atomic>

namespace varve::testing {

using point_hook = void (*)(const char* name) noexcept;
inline std::atomic<point_hook> on_point{nullptr};

inline void reached(const char* name) noexcept {
  // acquire: whatever the test set up before it installed its hook is seen by the hook.
  if (const point_hook hook = on_point.load(std::memory_order_acquire)) hook(name);
}

}  // namespace varve::testing

#define VARVE_POINT(name) ::varve::testing::reached(name)

#else

#define VARVE_POINT(name) static_cast<void>(0)

#endif
