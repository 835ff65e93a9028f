// SPDX-License-Identifier: MIT
//
// result.hpp - what a system call answers: a value, or errno. Layer os. Who called it knows the path, and makes a
// varve::error of it.
#pragma once

#include <expected>

namespace varve::os {

struct failure {
  int number;  // errno, never 0
  bool operator==(const failure&) const = default;
};

template <class T>
using result = std::expected<T, failure>;

}  // namespace varve::os
