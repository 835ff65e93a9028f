// SPDX-License-Identifier: MIT
//
// error.hpp - how the layers above make a varve::error. Layer base.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <varve/error.hpp>

namespace varve::core {

/// What an error is about: the text of a path or of an option's name. Interned, so that errors are trivially copyable; there
/// are as many as there are logs and options, and they live as long as the program.
struct error_subject {
  std::string text;
};

/// Never fails: where no memory is left, the error merely has no path.
[[nodiscard]] const error_subject* intern(std::string_view text) noexcept;

struct error_fields {
  errc code;
  const error_subject* subject = nullptr;
  int os_errno = 0;
  std::uint64_t segment = 0, offset = 0;
  std::uint64_t first_sequence = 0, last_sequence = 0;
};

struct error_access {
  [[nodiscard]] static error make(const error_fields& fields) noexcept;
  /// `e`, of something that may have taken effect all the same, or not.
  [[nodiscard]] static error with_effect(error e, bool may_have_happened) noexcept {
    e.may_have_happened_ = may_have_happened;
    return e;
  }
};

[[nodiscard]] inline std::unexpected<error> fail(const error_fields& fields) noexcept {
  return std::unexpected(error_access::make(fields));
}

/// `done`; if it failed, what was asked for may have taken effect all the same.
[[nodiscard]] inline std::expected<void, error> or_uncertain(const std::expected<void, error>& done) noexcept {
  if (done) return {};
  return std::unexpected(error_access::with_effect(done.error(), true));
}

/// bad_option, naming it.
[[nodiscard]] std::unexpected<error> bad_option(std::string_view name) noexcept;

/// The code that a failed system call deserves: no_space, out_of_memory or io.
[[nodiscard]] errc code_of_errno(int number) noexcept;

/// A failed system call on the file or directory `subject`.
[[nodiscard]] inline std::unexpected<error> fail_call(int number, const error_subject* subject) noexcept {
  return fail({.code = code_of_errno(number), .subject = subject, .os_errno = number});
}

}  // namespace varve::core
