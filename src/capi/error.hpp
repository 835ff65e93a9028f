// SPDX-License-Identifier: MIT
//
// error.hpp - how results become codes. Layer capi.
#pragma once

#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

#include <varve/error.hpp>
#include <varve/varve.h>

namespace varve::capi {

/// Remembers the error for varve_last_error() of this thread.
///
/// Returns  its code.
int remember(const error& e) noexcept;
/// An error that the C interface met by itself: no memory for a handle, an argument that is no option.
int remember(errc code) noexcept;

/// Runs what may throw for lack of memory, or for more elements than there can be. `call` returns a code.
template <class Call>
int guarded(Call&& call) noexcept {
  try {
    return std::forward<Call>(call)();
  } catch (const std::bad_alloc&) {
    return remember(errc::out_of_memory);
  } catch (const std::length_error&) {
    return remember(errc::too_large);
  }
}

/// A code for a result; if it is good, `take` gets its value.
template <class T, class Take>
int taken(const result<T>& r, Take&& take) {
  if (!r) return remember(r.error());
  std::forward<Take>(take)(*r);
  return VARVE_OK;
}

/// The same for results that are moved out, and for those that say whether there is something.
inline int done(const result<void>& r) noexcept { return r ? static_cast<int>(VARVE_OK) : remember(r.error()); }
inline int there(const result<bool>& r) noexcept {
  if (!r) return remember(r.error());
  return *r ? VARVE_OK : VARVE_NOTHING;
}

/// Of a struct that the caller gave for a result, see sized.hpp.
inline int stored(bool has_a_size) noexcept { return has_a_size ? static_cast<int>(VARVE_OK) : remember(errc::bad_option); }

}  // namespace varve::capi
