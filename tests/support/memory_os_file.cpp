// SPDX-License-Identifier: MIT
//
// memory_os_file.cpp - the functions of os/file.hpp, on the machine in memory.
#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "os/file.hpp"
#include "support/memory_os_call.hpp"
#include "support/memory_os_machine.hpp"

namespace varve::os {

using namespace testing::memory_os;  // two halves of one thing: what is asked for here is answered by the machine there

namespace {

file opened(machine& m, description d) {
  const int descriptor = m.next_descriptor++;
  m.descriptors.emplace(descriptor, std::move(d));
  return file{descriptor};
}

/// What a directory takes as the name of a file.
int fault_of(std::string_view name) noexcept {
  if (name.empty()) return ENOENT;
  if (name.size() > 255) return ENAMETOOLONG;
  return name.contains('/') || name == "." || name == ".." ? EINVAL : 0;
}

/// Makes a change to the current names and notes it as pending: both or, for want of memory, neither.
template <class Change>
void change(directory& d, operation o, Change make) {
  d.pending.reserve(d.pending.size() + 1);
  make();
  d.pending.push_back(std::move(o));
}

}  // namespace

void close_descriptor(int descriptor) noexcept {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  const auto found = m.descriptors.find(descriptor);
  if (found == m.descriptors.end()) return;
  const description& d = found->second;
  if (d.node) {
    for (int& holder : d.node->lock_holders)
      if (holder == descriptor) holder = -1;
    d.node->let_go(descriptor);
  }
  if (d.of && d.of->lock_holder == descriptor) d.of->lock_holder = -1;
  m.descriptors.erase(found);
}

result<file> open_directory(const std::string& path) noexcept {
  return guarded([&](machine& m) -> result<file> {
    const std::string normal = normal_path(path);
    return carry_out(m, {call::open_directory, normal}, [&]() -> result<file> {
      if (const auto d = m.now.directories.find(normal); d != m.now.directories.end()) {
        return opened(m, {.node = {}, .of = d->second, .writable = false, .life = m.life});
      }
      return failed_with(find(m.now, normal) ? ENOTDIR : ENOENT);
    });
  });
}

result<void> make_directory(const std::string& path, std::uint32_t /*mode*/) noexcept {
  return guarded([&](machine& m) -> result<void> {
    const std::string normal = normal_path(path);
    return carry_out(m, {call::make_directory, normal}, [&]() -> result<void> {
      if (normal.empty() || !m.now.directories.contains(parent_path(normal))) return failed_with(ENOENT);
      if (m.now.directories.contains(normal) || find(m.now, normal)) return failed_with(EEXIST);
      m.now.make_directory(normal);
      return {};
    });
  });
}

result<void> rename_directory_to_new(const std::string& from, const std::string& to) noexcept {
  return guarded([&](machine& m) -> result<void> {
    const std::string source = normal_path(from), target = normal_path(to);
    return carry_out(m, {call::rename, source + " " + target}, [&]() -> result<void> {
      if (!m.now.directories.contains(source)) return failed_with(ENOENT);
      if (m.now.directories.contains(target) || find(m.now, target)) return failed_with(EEXIST);
      auto moved = m.now.directories.extract(source);
      moved.mapped()->path = moved.key() = target;
      m.now.directories.insert(std::move(moved));
      return {};
    });
  });
}

result<void> remove_directory(const std::string& path) noexcept {
  return guarded([&](machine& m) -> result<void> {
    const std::string normal = normal_path(path);
    return carry_out(m, {call::remove, normal}, [&]() -> result<void> {
      const auto d = m.now.directories.find(normal);
      if (d == m.now.directories.end()) return failed_with(ENOENT);
      if (!d->second->current.empty()) return failed_with(ENOTEMPTY);
      m.now.directories.erase(d);
      return {};
    });
  });
}

result<file_system_kind> file_system_of(const file& directory) noexcept {
  return on_descriptor(directory, {call::file_system_of, {}},
                       [](machine& m, description&) -> result<file_system_kind> { return m.kind; });
}

result<std::vector<std::string>> list(const file& directory) noexcept {
  return in_directory(directory, {call::list, {}}, [](machine&, auto& d) -> result<std::vector<std::string>> {
    std::vector<std::string> names;
    for (const auto& entry : d.current) names.push_back(entry.first);
    std::ranges::reverse(names);  // whoever relies on an order meets the wrong one
    return names;
  });
}

result<file> open_file(const file& directory, const char* name, access mode) noexcept {
  return in_directory(directory, {call::open_file, name}, [&](machine& m, auto& d) -> result<file> {
    if (const int fault = fault_of(name); fault != 0) return failed_with(fault);
    const auto entry = d.current.find(name);
    if (entry == d.current.end()) {
      return failed_with(m.now.directories.contains(normal_path(d.path + "/" + name)) ? EINVAL : ENOENT);
    }
    return opened(m, {.node = entry->second, .of = {}, .writable = mode == access::read_write, .life = m.life});
  });
}

bool may_write(const file&, const char*) noexcept { return true; }

result<file> create_file(const file& directory, const char* name, std::uint32_t /*permissions*/) noexcept {
  return in_directory(directory, {call::create_file, name}, [&](machine& m, auto& d) -> result<file> {
    if (const int fault = fault_of(name); fault != 0) return failed_with(fault);
    if (d.current.contains(name)) return failed_with(EEXIST);
    if (m.used() >= m.limit) return failed_with(ENOSPC);  // an inode and an entry want space too
    const auto node = m.now.make_inode(name);
    file f = opened(m, {.node = node, .of = {}, .writable = true, .life = m.life});
    change(d, {operation::kind::create, node, name, {}}, [&] { d.current.emplace(name, node); });
    return f;
  });
}

namespace {

result<void> rename_file(const file& directory, const char* from, const char* to, bool replaces) noexcept {
  const auto body = [&](machine&, auto& d) -> result<void> {
    if (const int fault = fault_of(to); fault != 0) return failed_with(fault);
    if (!replaces && d.current.contains(to)) return failed_with(EEXIST);
    const auto source = d.current.find(from);
    if (source == d.current.end()) return failed_with(ENOENT);
    const auto node = source->second;
    if (const auto target = d.current.find(to); target != d.current.end() && target->second == node) return {};
    std::string name{to};
    change(d, {operation::kind::rename, node, from, to}, [&] {
      d.current.insert_or_assign(to, node);
      d.current.erase(from);
      node->name = std::move(name);
    });
    return {};
  };
  return in_directory(directory, {call::rename, std::string{from} + " " + to}, body);
}

}  // namespace

result<void> rename(const file& directory, const char* from, const char* to) noexcept {
  return rename_file(directory, from, to, true);
}
result<void> rename_to_new(const file& directory, const char* from, const char* to) noexcept {
  return rename_file(directory, from, to, false);
}
result<void> set_permissions(const file&, std::uint32_t) noexcept { return {}; }

result<void> remove(const file& directory, const char* name) noexcept {
  return in_directory(directory, {call::remove, name}, [&](machine&, auto& d) -> result<void> {
    const auto entry = d.current.find(name);
    if (entry == d.current.end()) return failed_with(ENOENT);
    change(d, {operation::kind::remove, entry->second, name, {}}, [&] { d.current.erase(entry); });
    return {};
  });
}

result<file_status> status_of(const file& f) noexcept {
  return on_descriptor(f, {call::status_of, {}}, [](machine& m, description& d) -> result<file_status> {
    if (d.of) return file_status{0, 0, d.of->number, d.of->birth_ns, 1, false};
    std::uint64_t links = 0;
    for (const auto& [path, any] : m.now.directories) {
      links += static_cast<std::uint64_t>(
          std::ranges::count_if(any->current, [&](const auto& entry) { return entry.second == d.node; }));
    }
    return file_status{d.node->bytes, d.node->allocated_bytes, d.node->number, d.node->birth_ns, links, true};
  });
}

result<std::size_t> read_at(const file& f, std::uint64_t offset, std::span<std::byte> bytes) noexcept {
  return in_file(
      f, {call::read_at, {}, offset, bytes.size()},
      [&](machine&, inode& node) -> result<std::size_t> {
        if (offset >= node.bytes) return std::size_t{0};
        const std::uint64_t read = std::min<std::uint64_t>(bytes.size(), node.bytes - offset);
        copy_racing(bytes.data(), node.memory.data() + offset, read);
        return read;
      },
      [](inode&) {});
}

result<void> write_at(const file& f, std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
  const auto write = [&](machine& m, inode& node, std::span<const std::byte> from) -> result<void> {
    if (from.empty()) return {};
    const std::uint64_t room = m.room_for(node, offset + from.size());
    const bool is_full = room < offset + from.size();
    if (is_full) from = from.first(room > offset ? room - offset : 0);
    const std::uint64_t end = offset + from.size();
    constexpr std::uint64_t at_first = std::uint64_t{1} << 20U;  // arbitrary: a file that grows is seldom mapped anew
    if (!from.empty()) {
      if (!node.reserve(end > node.memory.capacity() ? std::max(2 * end, at_first) : end, m.is_mapped(node))) {
        return failed_with(EFBIG);
      }
      node.allocated_bytes = std::max(node.allocated_bytes, whole_pages(end));
      node.write(offset, from);
    }
    if (is_full) return failed_with(ENOSPC);
    return {};
  };
  return on_descriptor(
      f, {call::write_at, {}, offset, bytes.size()},
      [&](machine& m, description& d) -> result<void> {
        if (!d.node || !d.writable) return failed_with(EBADF);
        return write(m, *d.node, bytes);
      },
      [&](description& d) {
        if (d.node && d.writable) static_cast<void>(write(the(), *d.node, bytes.first(bytes.size() / 2)));
      });
}

result<void> allocate(const file& f, std::uint64_t bytes, std::uint64_t from) noexcept {
  return on_descriptor(f, {call::allocate, {}, from, bytes - from}, [&](machine& m, description& d) -> result<void> {
    if (!d.node || !d.writable) return failed_with(EBADF);
    if (bytes <= from) return failed_with(EINVAL);
    inode& node = *d.node;
    if (m.room_for(node, bytes) < bytes) return failed_with(ENOSPC);
    if (!node.reserve(bytes, m.is_mapped(node))) return failed_with(EFBIG);
    node.bytes = std::max(node.bytes, bytes);
    node.allocated_bytes = std::max(node.allocated_bytes, whole_pages(bytes));
    return {};
  });
}

result<void> share_blocks(const file& from, const file& to) noexcept {
  return on_descriptor(to, {call::share_blocks, {}}, [&](machine& m, description& d) -> result<void> {
    const auto source = m.descriptors.find(from.descriptor());
    if (source == m.descriptors.end() || !source->second.node || !d.node || !d.writable) return failed_with(EBADF);
    inode& node = *d.node;
    const inode& shared = *source->second.node;
    if (!node.reserve(shared.bytes, m.is_mapped(node))) return failed_with(EFBIG);
    node.write(0, {shared.memory.data(), shared.bytes});  // blocks of its own, which does no harm here
    node.allocated_bytes = shared.allocated_bytes;
    return {};
  });
}

namespace {

result<void> sync_whole(const file& f, call what) noexcept {
  return in_file(
      f, {what, {}},
      [](machine&, inode& node) -> result<void> {
        node.make_durable(0, node.bytes);
        node.durable_bytes = node.bytes;
        return {};
      },
      [](inode& node) { node.lose(0, node.bytes); });
}

}  // namespace

void drop_from_cache(const file&) noexcept {}
bool has_shared_blocks(const file&) noexcept { return false; }

result<void> sync_file(const file& f) noexcept { return sync_whole(f, call::sync_file); }
result<void> sync_data(const file& f) noexcept { return sync_whole(f, call::sync_data); }

result<void> sync_directory(const file& directory) noexcept {
  return in_directory(directory, {call::sync_directory, {}}, [](machine&, auto& d) -> result<void> {
    d.durable = d.current;
    d.pending.clear();
    return {};
  });
}

result<void> sync_parent(const file& directory) noexcept {
  // Directories are durable once they are made.
  return in_directory(directory, {call::sync_parent, {}}, [](machine&, auto&) -> result<void> { return {}; });
}

}  // namespace varve::os
