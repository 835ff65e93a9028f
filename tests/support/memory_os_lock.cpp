// SPDX-License-Identifier: MIT
//
// memory_os_lock.cpp - locks and pins of os/file.hpp, on the machine in memory.
#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "os/file.hpp"
#include "support/memory_os_call.hpp"
#include "support/memory_os_machine.hpp"

namespace varve::os {

using namespace testing::memory_os;  // two halves of one thing: what is asked for here is answered by the machine there

result<bool> try_lock_directory(const file& directory) noexcept {
  return in_directory(directory, {call::lock_directory, {}}, [&](machine&, auto& d) -> result<bool> {
    if (d.lock_holder == -1) d.lock_holder = directory.descriptor();
    return d.lock_holder == directory.descriptor();
  });
}

void unlock_directory(const file& directory) noexcept {
  static_cast<void>(in_directory(directory, {call::lock_directory, {}}, [&](machine&, auto& d) -> result<bool> {
    if (d.lock_holder == directory.descriptor()) d.lock_holder = -1;
    return true;
  }));
}

result<bool> try_pin(const file& f) noexcept {
  return on_descriptor(f, {call::pin, {}}, [&](machine&, description& d) -> result<bool> {
    if (!d.node) return failed_with(EBADF);
    if (d.node->taken_by != -1 && d.node->taken_by != f.descriptor()) return false;
    d.node->pinned_by.insert(f.descriptor());
    return true;
  });
}

result<bool> try_take(const file& f) noexcept {
  return on_descriptor(f, {call::pin, {}}, [&](machine&, description& d) -> result<bool> {
    if (!d.node) return failed_with(EBADF);
    const auto& pins = d.node->pinned_by;
    if (pins.size() > pins.count(f.descriptor()) || (d.node->taken_by != -1 && d.node->taken_by != f.descriptor()))
      return false;
    d.node->taken_by = f.descriptor();
    return true;
  });
}

void give_back(const file& f) noexcept {
  static_cast<void>(guarded([&](machine& m) -> result<void> {
    const auto found = m.descriptors.find(f.descriptor());
    if (found != m.descriptors.end() && found->second.node) found->second.node->let_go(f.descriptor());
    return {};
  }));
}

result<bool> try_lock_for_life(const file& f, life_lock which) noexcept {
  return on_descriptor(f, {call::lock_for_life, {}}, [&](machine&, description& d) -> result<bool> {
    if (!d.node || !d.writable) return failed_with(EBADF);
    int& holder = d.node->lock_holders[static_cast<std::size_t>(which)];
    if (holder == -1) holder = f.descriptor();
    return holder == f.descriptor();
  });
}

void unlock_for_life(const file& f) noexcept {
  static_cast<void>(guarded([&](machine& m) -> result<void> {
    const auto found = m.descriptors.find(f.descriptor());
    if (found != m.descriptors.end() && found->second.node) std::ranges::fill(found->second.node->lock_holders, -1);
    return {};
  }));
}

result<bool> is_locked_for_life(const file& f, life_lock which) noexcept {
  return in_file(
      f, {call::ask_for_lock, {}},
      [&](machine&, inode& node) -> result<bool> {
        const int holder = node.lock_holders[static_cast<std::size_t>(which)];
        return holder != -1 && holder != f.descriptor();
      },
      [](inode&) {});
}

}  // namespace varve::os
