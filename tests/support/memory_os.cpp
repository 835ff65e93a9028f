// SPDX-License-Identifier: MIT
//
// memory_os.cpp - steering the machine in memory: faults, limits, records, and its files seen from outside.
#include "support/memory_os.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "support/memory_os_machine.hpp"

namespace varve::testing::memory_os {
namespace {

constexpr std::array<std::string_view, call_kinds> call_names{
    "open_directory",
    "make_directory",
    "file_system_of",
    "list",
    "open_file",
    "create_file",
    "rename",
    "remove",
    "status_of",
    "read_at",
    "write_at",
    "allocate",
    "share_blocks",
    "sync_file",
    "sync_data",
    "sync_directory",
    "sync_parent",
    "lock_directory",
    "lock_for_life",
    "ask_for_lock",
    "pin",
    "map",
    "sync_range",
    "populate_for_reading",
    "populate_for_writing",
    "map_private",
    "map_wiped_on_fork",
    "this_boot",
    "fill_random",
};
static_assert(!call_names.back().empty(), "a call has no name");

template <class Body>
auto locked(Body body) -> decltype(body(the())) {
  machine& m = the();
  const std::lock_guard lock{m.mutex};
  return body(m);
}

directory& directory_at(machine& m, const std::string& path) { return *m.seen().directories.at(normal_path(path)); }

inode& file_at(machine& m, const std::string& path) {
  const inode_ptr node = find(m.seen(), path);
  if (!node) throw std::out_of_range{path};
  return *node;
}

std::vector<std::string> names_of(const entries& from) {
  std::vector<std::string> names;
  for (const auto& entry : from) names.push_back(entry.first);
  return names;
}

std::vector<std::byte> current_bytes(const inode& node) {
  std::vector<std::byte> bytes(node.bytes);
  copy_racing(bytes.data(), node.memory.data(), node.bytes);
  return bytes;
}

/// A durable name for it; no operation still pending may take it away again.
void enter(directory& d, const std::string& name, const inode_ptr& node) {
  std::erase_if(d.pending, [&](const operation& o) { return o.name == name || o.to == name; });
  d.current.insert_or_assign(name, node);
  d.durable.insert_or_assign(name, node);
}

inode_ptr durable_file(disk& on, const std::string& name, std::span<const std::byte> bytes) {
  inode_ptr node = on.make_inode(name);
  if (bytes.empty()) return node;
  static_cast<void>(node->reserve(bytes.size(), false));
  node->write(0, bytes);
  node->allocated_bytes = whole_pages(bytes.size());
  node->make_durable(0, bytes.size());
  node->durable_bytes = bytes.size();
  return node;
}

}  // namespace

std::string_view name_of(call what) noexcept { return call_names[static_cast<std::size_t>(what)]; }

void reset() {
  locked([](machine& m) {
    disk empty;
    empty.make_directory(".");
    empty.make_directory("/");
    m.now = std::move(empty);
    m.crash.reset();
    m.crash_at.reset();
    ++m.life;
    m.faults.clear();
    m.counts = {};
    m.recording = false;
    m.record.clear();
    m.limit = no_limit;
    m.kind = os::file_system_kind::local;
    m.random.seed(1);
  });
}

void seed_random(std::uint64_t seed) {
  locked([&](machine& m) { m.random.seed(seed); });
}

void set_file_system(os::file_system_kind kind) {
  locked([&](machine& m) { m.kind = kind; });
}

void limit_disk(std::uint64_t bytes) {
  locked([&](machine& m) { m.limit = bytes; });
}

std::uint64_t disk_bytes_used() {
  return locked([](machine& m) { return m.used(); });
}

void fail(fault what) {
  locked([&](machine& m) { m.faults.push_back(std::move(what)); });
}

void heal() {
  locked([](machine& m) { m.faults.clear(); });
}

std::uint64_t count(call_set calls) {
  return locked([&](machine& m) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < call_kinds; ++i) {
      if (calls.contains(static_cast<call>(i))) sum += m.counts[i];
    }
    return sum;
  });
}

void record(bool on) {
  locked([&](machine& m) {
    m.recording = on;
    if (on) m.record.clear();
  });
}

std::vector<event> events() {
  return locked([](machine& m) { return m.record; });
}

bool exists(const std::string& path) {
  return locked([&](machine& m) { return find(m.seen(), path) != nullptr; });
}

std::vector<std::string> names(const std::string& directory) {
  return locked([&](machine& m) { return names_of(directory_at(m, directory).current); });
}

std::vector<std::string> durable_names(const std::string& directory) {
  return locked([&](machine& m) { return names_of(directory_at(m, directory).durable); });
}

std::vector<std::byte> contents(const std::string& path) {
  return locked([&](machine& m) { return current_bytes(file_at(m, path)); });
}

std::vector<std::byte> durable_contents(const std::string& path) {
  return locked([&](machine& m) {
    const inode& node = file_at(m, path);
    std::vector<std::byte> bytes = node.durable;
    bytes.resize(node.durable_bytes);
    return bytes;
  });
}

void overwrite(const std::string& path, std::uint64_t offset, std::span<const std::byte> bytes) {
  locked([&](machine& m) {
    inode& node = file_at(m, path);
    if (offset > node.bytes || bytes.size() > node.bytes - offset) throw std::out_of_range{path};
    node.write(offset, bytes);
    node.durable.resize(std::max<std::uint64_t>(node.durable.size(), whole_pages(offset + bytes.size())));
    std::ranges::copy(bytes, node.durable.begin() + static_cast<std::ptrdiff_t>(offset));
  });
}

void put(const std::string& path, std::span<const std::byte> bytes) {
  locked([&](machine& m) {
    const std::string normal = normal_path(path);
    const std::string name = name_in(normal);
    enter(directory_at(m, parent_path(normal)), name, durable_file(m.seen(), name, bytes));
  });
}

void rewrite(const std::string& path, std::span<const std::byte> bytes) {
  locked([&](machine& m) {
    inode& node = file_at(m, path);
    if (!node.reserve(bytes.size(), m.is_mapped(node))) throw std::out_of_range{path};
    const std::vector<std::byte> rest(whole_pages(node.bytes));
    node.write(0, std::span{rest}.first(std::min<std::size_t>(rest.size(), node.memory.capacity())));
    node.write(0, bytes);
    node.bytes = node.durable_bytes = bytes.size();
    node.allocated_bytes = whole_pages(bytes.size());
    node.durable.assign(bytes.begin(), bytes.end());
    node.durable.resize(whole_pages(bytes.size()));
  });
}

void erase(const std::string& path) {
  locked([&](machine& m) {
    directory& d = directory_at(m, parent_path(normal_path(path)));
    const std::string name = name_in(path);
    std::erase_if(d.pending, [&](const operation& o) { return o.name == name || o.to == name; });
    if (d.current.erase(name) == 0) throw std::out_of_range{path};
    d.durable.erase(name);
  });
}

void add_link(const std::string& path, const std::string& new_path) {
  locked([&](machine& m) {
    const inode_ptr node = find(m.seen(), path);
    if (!node) throw std::out_of_range{path};
    enter(directory_at(m, parent_path(normal_path(new_path))), name_in(new_path), node);
  });
}

void copy_directory(const std::string& from, const std::string& to) {
  locked([&](machine& m) {
    const directory& source = directory_at(m, from);
    directory& target = m.seen().make_directory(normal_path(to));
    for (const auto& [name, node] : source.current) {
      enter(target, name, durable_file(m.seen(), name, current_bytes(*node)));
    }
  });
}

}  // namespace varve::testing::memory_os
