// SPDX-License-Identifier: MIT
//
// memory_os_call.hpp - the course that every call of the machine in memory takes; for memory_os*.cpp only.
#pragma once

#include <cerrno>
#include <expected>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "os/file.hpp"
#include "os/result.hpp"
#include "support/memory_os_machine.hpp"

namespace varve::testing::memory_os {

[[nodiscard]] inline std::unexpected<os::failure> failed_with(int number) noexcept {
  return std::unexpected{os::failure{number}};
}

/// Under the mutex; want of memory is an errno like any other (tests may fail operator new).
template <class Body>
auto guarded(Body body) noexcept -> decltype(body(the())) {
  machine& m = the();
  try {
    const std::lock_guard lock{m.mutex};
    return body(m);
  } catch (const std::bad_alloc&) {
    return failed_with(ENOMEM);
  }
}

struct request {
  call what;
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// One call: counted, perhaps failed on purpose, recorded. `spoil` does the harm that a failure of this kind does.
template <class Body, class Spoil>
auto carry_out(machine& m, request r, Body body, Spoil spoil) -> decltype(body()) {
  decltype(body()) answer = failed_with(EIO);
  if (const int number = m.admit(r.what, r.name); number == 0) {
    answer = body();
  } else {
    if (!m.crash) spoil();
    answer = failed_with(number);
  }
  m.note(r.what, std::move(r.name), r.offset, r.bytes, answer ? 0 : answer.error().number);
  return answer;
}

template <class Body>
auto carry_out(machine& m, request r, Body body) -> decltype(body()) {
  return carry_out(m, std::move(r), body, [] {});
}

/// The same with what a descriptor stands for; one of an old life is dead.
template <class Body, class Spoil>
auto on_descriptor(const os::file& f, request r, Body body, Spoil spoil) noexcept {
  using answer = decltype(body(the(), std::declval<description&>()));
  return guarded([&](machine& m) -> answer {
    const auto found = m.descriptors.find(f.descriptor());
    if (found == m.descriptors.end()) return failed_with(EBADF);
    description& d = found->second;
    if (d.life != m.life) return failed_with(EIO);
    if (r.name.empty()) r.name = d.node ? d.node->name : d.of->path;
    return carry_out(m, std::move(r), [&] { return body(m, d); }, [&] { spoil(d); });
  });
}

template <class Body>
auto on_descriptor(const os::file& f, request r, Body body) noexcept {
  return on_descriptor(f, std::move(r), body, [](description&) {});
}

template <class Body>
auto in_directory(const os::file& f, request r, Body body) noexcept {
  using answer = decltype(body(the(), std::declval<directory&>()));
  return on_descriptor(f, std::move(r), [&](machine& m, description& d) -> answer {
    if (!d.of) return failed_with(ENOTDIR);
    return body(m, *d.of);
  });
}

template <class Body, class Spoil>
auto in_file(const os::file& f, request r, Body body, Spoil spoil) noexcept {
  using answer = decltype(body(the(), std::declval<inode&>()));
  return on_descriptor(
      f, std::move(r),
      [&](machine& m, description& d) -> answer {
        if (!d.node) return failed_with(EISDIR);
        return body(m, *d.node);
      },
      [&](description& d) {
        if (d.node) spoil(*d.node);
      });
}

}  // namespace varve::testing::memory_os
