// SPDX-License-Identifier: MIT
//
// log_place.hpp - where a log is, and what it is. Layer store.
#pragma once

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "format/meta.hpp"
#include "index/segment_index.hpp"
#include "os/file.hpp"

namespace varve::core {

struct log_place {
  os::file directory;
  const error_subject* path = nullptr;
  format::meta meta;
  std::optional<std::size_t> spoiled_meta{};  // which copy of varve.meta is not valid, though the other one is

  [[nodiscard]] index_identity index_of(std::uint64_t number, std::uint64_t capacity) const noexcept {
    return {.log = meta.log, .number = number, .capacity = capacity, .stride_bytes = meta.index_stride_bytes};
  }
  [[nodiscard]] varve::checksum checksum_kind() const noexcept { return static_cast<varve::checksum>(meta.checksum_kind); }

  /// Laid out as version 1 was: to be read for an upgrade, and never written.
  [[nodiscard]] bool is_of_version_1() const noexcept { return meta.head.version < format::version; }

  /// Does each record carry the time of its append?
  [[nodiscard]] bool keeps_times() const noexcept { return meta.times != 0; }

  /// A failed system call on this log.
  [[nodiscard]] std::unexpected<error> fail_call(const os::failure& f, std::uint64_t segment = 0) const noexcept {
    return fail({.code = code_of_errno(f.number), .subject = path, .os_errno = f.number, .segment = segment});
  }
  /// Something is wrong with one of the log's files.
  [[nodiscard]] std::unexpected<error> fail_file(errc code, std::string_view name) const {
    return fail({.code = code, .subject = intern(path->text + '/' + std::string{name})});
  }
  /// A failed open of varve.meta, varve.state or varve.live. What is no regular file is none of a log's.
  [[nodiscard]] std::unexpected<error> fail_open(const os::failure& f) const noexcept {
    if (f.number != ELOOP && f.number != EINVAL) return fail_call(f);
    return fail({.code = errc::not_a_log, .subject = path, .os_errno = f.number});
  }
};

}  // namespace varve::core
