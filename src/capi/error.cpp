// SPDX-License-Identifier: MIT
#include "capi/error.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>

#include "capi/sized.hpp"

namespace varve::capi {
namespace {

// Trivially destructible: the destructors of other objects of a thread that ends may still call varve.
struct last_error {
  std::optional<error> whole;  // of a result
  errc code{};                 // otherwise; not set: there was none
  std::array<char, 1024> sentence{};
};
static_assert(std::is_trivially_destructible_v<last_error>);

last_error& last() noexcept {
  thread_local constinit last_error kept{};
  return kept;
}

/// What the C interface itself finds wrong has no place and no number.
const char* sentence_of(errc code) noexcept {
  if (code == errc::bad_option)
    return "a struct does not say its size, or has a value that this library does not know; correct it.";
  return varve_code_name(static_cast<int>(code));
}

}  // namespace

int remember(const error& e) noexcept {
  last().whole = e;
  last().code = e.code();
  return static_cast<int>(e.code());
}

int remember(errc code) noexcept {
  last().whole.reset();
  last().code = code;
  return static_cast<int>(code);
}

}  // namespace varve::capi

using namespace varve;

int varve_last_error(varve_error* error) {
  const auto& last = capi::last();
  const int code = static_cast<int>(last.code);
  if (error == nullptr) return code;
  varve_error filled{};
  filled.code = code;
  filled.path = "";
  if (last.whole) {
    filled.os_errno = last.whole->os_errno();
    filled.segment = last.whole->segment();
    filled.offset = last.whole->offset();
    filled.first_sequence = last.whole->first_sequence();
    filled.last_sequence = last.whole->last_sequence();
    filled.limit = last.whole->limit();
    filled.process = last.whole->process();
    filled.may_have_happened = last.whole->may_have_happened();
    filled.path = last.whole->path().data() == nullptr ? "" : last.whole->path().data();
    filled.path_bytes = last.whole->path().size();
  }
  static_cast<void>(capi::store_sized(filled, error));  // the code is the answer either way
  return code;
}

const char* varve_error_message() {
  auto& last = capi::last();
  if (last.code == errc{}) return "";
  if (!last.whole) return capi::sentence_of(last.code);
  try {
    const std::string whole = last.whole->message();
    const auto end = std::copy_n(whole.begin(), std::min(whole.size(), last.sentence.size() - 1), last.sentence.begin());
    *end = 0;
    return last.sentence.data();
  } catch (const std::bad_alloc&) {
    return capi::sentence_of(last.code);
  }
}

const char* varve_code_name(int code) {
  if (code == VARVE_NOTHING) return "nothing";
  if (code == VARVE_OK) return "ok";
  if (code < VARVE_LOCKED || code > VARVE_BUG) return "?";
  return name_of(static_cast<errc>(code)).data();  // a literal, which ends with a 0 byte
}

const char* varve_version() { return VARVE_VERSION; }
