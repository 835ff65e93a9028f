// SPDX-License-Identifier: MIT
//
// memory_os_memory.cpp - the functions of os/memory.hpp and os/process.hpp, on the machine in memory.
#include "os/memory.hpp"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/process.hpp"
#include "support/memory_os_call.hpp"
#include "support/memory_os_machine.hpp"

namespace varve::os {

using namespace testing::memory_os;  // two halves of one thing: what is asked for here is answered by the machine there

// ---- memory.hpp

result<mapping> map(const file& f, std::uint64_t bytes, access mode, std::uint64_t offset) noexcept {
  return on_descriptor(f, {call::map, {}, offset, bytes}, [&](machine& m, description& d) -> result<mapping> {
    if (!d.node || bytes == 0 || offset > d.node->bytes || bytes > d.node->bytes - offset) return failed_with(EINVAL);
    if (mode == access::read_write && !d.writable) return failed_with(EACCES);
    std::byte* const start = d.node->memory.data() + offset;
    m.mappings.try_emplace(start, mapped{d.node, 0, m.life}).first->second.times++;
    return mapping{{start, bytes}};
  });
}

void unmap(std::span<std::byte> bytes) noexcept {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  const auto found = m.mappings.find(bytes.data());
  if (found == m.mappings.end()) {
    static_cast<void>(::munmap(bytes.data(), bytes.size()));  // of no file
  } else if (--found->second.times == 0) {
    m.mappings.erase(found);
  }
}

namespace {

template <class Body, class Spoil>
result<void> on_mapping(const mapping& view, call what, std::uint64_t offset, std::uint64_t bytes, Body body,
                        Spoil spoil) noexcept {
  return guarded([&](machine& m) -> result<void> {
    const auto found = m.mappings.find(view.bytes().data());
    if (found == m.mappings.end()) return failed_with(ENOMEM);
    if (found->second.life != m.life) return failed_with(EIO);
    inode& node = *found->second.node;
    return carry_out(m, {what, node.name, offset, bytes}, [&] { return body(node); }, [&] { spoil(node); });
  });
}

}  // namespace

result<void> sync_range(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept {
  const std::uint64_t begin = std::min<std::uint64_t>(offset, m.bytes().size());
  const std::uint64_t end = begin + std::min(bytes, m.bytes().size() - begin);
  const auto sync = [&](inode& node) -> result<void> {
    if (begin < end) node.make_durable(begin, end);
    return {};
  };
  const auto lose = [&](inode& node) {
    if (begin < end) node.lose(begin, end);
  };
  return on_mapping(m, call::sync_range, offset, bytes, sync, lose);
}

result<void> populate_for_reading(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept {
  return on_mapping(m, call::populate_for_reading, offset, bytes, [](inode&) -> result<void> { return {}; }, [](inode&) {});
}

result<void> populate_for_writing(const mapping& m, std::uint64_t offset, std::uint64_t bytes) noexcept {
  return on_mapping(m, call::populate_for_writing, offset, bytes, [](inode&) -> result<void> { return {}; }, [](inode&) {});
}

result<mapping> map_private(std::uint64_t bytes) noexcept {
  return guarded([&](machine& m) -> result<mapping> {
    return carry_out(m, {call::map_private, {}, 0, bytes}, [&]() -> result<mapping> {
      void* const start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (start == MAP_FAILED) return failed_with(errno);
      return mapping{{static_cast<std::byte*>(start), bytes}};
    });
  });
}

result<mapping> map_wiped_on_fork() noexcept {
  return guarded([](machine& m) -> result<mapping> {
    return carry_out(m, {call::map_wiped_on_fork, {}}, []() -> result<mapping> {
      void* const start = ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (start == MAP_FAILED || ::madvise(start, page_bytes, MADV_WIPEONFORK) == -1) return failed_with(errno);
      return mapping{{static_cast<std::byte*>(start), page_bytes}};
    });
  });
}

// ---- process.hpp: boot and randomness are the machine's, the rest is real.

result<std::vector<pin_holder>> pin_holders(const file&) noexcept { return std::vector<pin_holder>{}; }

result<boot_id> this_boot() noexcept {
  return guarded([](machine& m) -> result<boot_id> {
    return carry_out(m, {call::this_boot, {}}, [&]() -> result<boot_id> {
      boot_id id{};
      id.front() = std::byte{0xb0};  // no boot is zero
      std::memcpy(id.data() + sizeof(std::uint64_t), &m.now.boot, sizeof m.now.boot);
      return id;
    });
  });
}

result<void> fill_random(std::span<std::byte> bytes) noexcept {
  return guarded([&](machine& m) -> result<void> {
    return carry_out(m, {call::fill_random, {}, 0, bytes.size()}, [&]() -> result<void> {
      std::ranges::generate(bytes, [&] { return static_cast<std::byte>(m.random()); });
      return {};
    });
  });
}

std::uint32_t process_id() noexcept { return static_cast<std::uint32_t>(::getpid()); }

std::uint64_t wall_clock_ns() noexcept {
  timespec now{};
  static_cast<void>(::clock_gettime(CLOCK_REALTIME, &now));
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace varve::os
