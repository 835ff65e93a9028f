// SPDX-License-Identifier: MIT
//
// memory_os_machine.cpp - files, directories and their durable halves, of the machine in memory.
#include "support/memory_os_machine.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <new>
#include <set>
#include <utility>

namespace varve::testing::memory_os {

#if defined(__clang__)
#define VARVE_UNSEEN_BY_TSAN __attribute__((no_sanitize("thread")))
#else
#define VARVE_UNSEEN_BY_TSAN __attribute__((no_sanitize_thread))
#endif

VARVE_UNSEEN_BY_TSAN void copy_racing(std::byte* to, const std::byte* from, std::uint64_t bytes) noexcept {
  // volatile keeps the compiler from calling memcpy, which ThreadSanitizer does see. may_alias: the bytes are anything.
  using word = std::uint64_t __attribute__((may_alias));
  std::uint64_t at = 0;
  const bool aligned = (reinterpret_cast<std::uintptr_t>(to) | reinterpret_cast<std::uintptr_t>(from)) % sizeof(word) == 0;
  if (aligned) {
    for (; at + sizeof(word) <= bytes; at += sizeof(word)) {
      *reinterpret_cast<volatile word*>(to + at) = *reinterpret_cast<const volatile word*>(from + at);
    }
  }
  for (; at < bytes; ++at) *const_cast<volatile std::byte*>(to + at) = *const_cast<const volatile std::byte*>(from + at);
}

// ---- region

region::region(std::uint64_t bytes) : capacity_(whole_pages(bytes)) {
  // Shared, so that a forked child stores to the same file as its parent, as it would to a real one.
  void* const start =
      ::mmap(nullptr, capacity_ + page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) throw std::bad_alloc{};
  data_ = static_cast<std::byte*>(start);
  static_cast<void>(::mprotect(data_ + capacity_, page_bytes, PROT_NONE));
}

region::region(region&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}

region& region::operator=(region&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

region::~region() {
  if (data_ != nullptr) static_cast<void>(::munmap(data_, capacity_ + page_bytes));
}

// ---- inode

bool inode::reserve(std::uint64_t wanted, bool mapped) {
  if (wanted <= memory.capacity()) return true;
  if (mapped) return false;
  region larger{wanted};
  if (bytes > 0) copy_racing(larger.data(), memory.data(), whole_pages(bytes));
  memory = std::move(larger);
  return true;
}

void inode::write(std::uint64_t offset, std::span<const std::byte> from) {
  copy_racing(memory.data() + offset, from.data(), from.size());
  const std::uint64_t end = offset + from.size();
  bytes = std::max(bytes, end);
  lost.erase(lost.lower_bound(offset / page_bytes), lost.lower_bound(whole_pages(end) / page_bytes));
}

page_copy inode::page(std::uint64_t number_of_page) const noexcept {
  page_copy copy;
  copy_racing(copy.data(), memory.data() + number_of_page * page_bytes, page_bytes);
  return copy;
}

page_copy inode::durable_page(std::uint64_t number_of_page) const noexcept {
  page_copy copy{};
  const std::uint64_t begin = number_of_page * page_bytes;
  if (begin < durable.size()) std::memcpy(copy.data(), durable.data() + begin, page_bytes);
  return copy;
}

void inode::make_durable(std::uint64_t begin, std::uint64_t end) {
  end = whole_pages(std::min(end, bytes));
  if (durable.size() < end) durable.resize(end);
  for (std::uint64_t p = begin / page_bytes; p * page_bytes < end; ++p) {
    if (const auto believed_clean = lost.find(p); believed_clean != lost.end()) {
      if (page(p) == believed_clean->second) continue;
      lost.erase(believed_clean);
    }
    copy_racing(durable.data() + p * page_bytes, memory.data() + p * page_bytes, page_bytes);
  }
}

void inode::lose(std::uint64_t begin, std::uint64_t end) {
  end = whole_pages(std::min(end, bytes));
  for (std::uint64_t p = begin / page_bytes; p * page_bytes < end; ++p) {
    const page_copy as_it_is = page(p);
    if (as_it_is != durable_page(p)) lost.insert_or_assign(p, as_it_is);
  }
}

std::vector<std::uint64_t> inode::dirty_pages() const {
  std::vector<std::uint64_t> dirty;
  for (std::uint64_t p = 0; p * page_bytes < bytes; ++p) {
    if (page(p) != durable_page(p)) dirty.push_back(p);
  }
  return dirty;
}

// ---- disk

namespace {

/// One a second since some day of 2023; every inode has another.
std::uint64_t birth_of(std::uint64_t number) noexcept { return (1'700'000'000 + number) * 1'000'000'000; }

/// Copies each inode once, however many names lead to it.
class inode_copier {
 public:
  [[nodiscard]] inode_ptr operator()(const inode_ptr& from) {
    inode_ptr& to = copies_[from->number];
    if (to) return to;
    to = std::make_shared<inode>();
    to->number = from->number;
    to->birth_ns = from->birth_ns;
    to->name = from->name;
    to->bytes = from->bytes;
    to->allocated_bytes = from->allocated_bytes;
    to->durable = from->durable;
    to->durable_bytes = from->durable_bytes;
    if (from->memory.capacity() > 0) {
      to->memory = region{from->memory.capacity()};
      copy_racing(to->memory.data(), from->memory.data(), whole_pages(from->bytes));
    }
    return to;  // `lost` and the lock belong to the old life
  }
  [[nodiscard]] entries operator()(const entries& from) {
    entries to;
    for (const auto& [name, node] : from) to.emplace(name, (*this)(node));
    return to;
  }

 private:
  std::map<std::uint64_t, inode_ptr> copies_;
};

}  // namespace

inode_ptr disk::make_inode(const std::string& name) {
  auto node = std::make_shared<inode>();
  node->number = next_inode++;
  node->birth_ns = birth_of(node->number);
  node->name = name;
  return node;
}

directory& disk::make_directory(const std::string& path) {
  auto made = std::make_shared<directory>();
  made->path = path;
  made->number = next_inode++;
  made->birth_ns = birth_of(made->number);
  return *(directories[path] = std::move(made));
}

disk disk::copy() const {
  disk to;
  to.next_inode = next_inode;
  to.boot = boot;
  inode_copier copied;
  // Threads may go on storing to mapped files while this copies, where those of a process that dies all stop at one moment.
  // So what says how far they have come is copied before what it speaks of.
  for (const auto& [path, from] : directories)
    if (const auto live = from->current.find("varve.live"); live != from->current.end())
      static_cast<void>(copied(live->second));
  for (const auto& [path, from] : directories) {
    auto d = std::make_shared<directory>();
    d->path = path;
    d->number = from->number;
    d->birth_ns = from->birth_ns;
    d->current = copied(from->current);
    d->durable = copied(from->durable);
    for (const operation& o : from->pending) d->pending.push_back({o.what, copied(o.node), o.name, o.to});
    to.directories.emplace(path, std::move(d));
  }
  return to;
}

std::map<std::uint64_t, inode_ptr> disk::inodes() const {
  std::map<std::uint64_t, inode_ptr> found;
  for (const auto& [path, d] : directories) {
    for (const auto& [name, node] : d->current) found.emplace(node->number, node);
    for (const auto& [name, node] : d->durable) found.emplace(node->number, node);
    for (const operation& o : d->pending) found.emplace(o.node->number, o.node);
  }
  return found;
}

// ---- machine

machine& the() noexcept {
  static machine& one = *new machine;  // never destroyed: threads of a leaked log may outlive main
  return one;
}

int machine::admit(call what, const std::string& name) {
  if (crash) return EIO;
  ++counts[static_cast<std::size_t>(what)];
  if (crash_at && crash_at->calls.contains(what) && name.contains(crash_at->name) && --crash_at->left == 0) {
    crash_at.reset();
    crash = now.copy();
    return EIO;
  }
  int number = 0;
  for (auto f = faults.begin(); f != faults.end();) {
    if (!f->calls.contains(what) || !name.contains(f->name) || (f->nth > 1 && f->nth-- > 1)) {
      ++f;
      continue;
    }
    if (number == 0) number = f->number;
    f = f->for_ever ? f + 1 : faults.erase(f);
  }
  return number;
}

void machine::note(call what, std::string name, std::uint64_t offset, std::uint64_t bytes, int number) {
  if (recording) record.push_back({what, std::move(name), offset, bytes, number});
}

bool machine::is_mapped(const inode& node) const noexcept { return mappings.contains(node.memory.data()); }

std::uint64_t machine::used() const {
  std::set<const inode*> taking;
  for (const auto& [path, d] : now.directories) {
    for (const auto& [name, node] : d->current) taking.insert(node.get());
  }
  for (const auto& [number, d] : descriptors) {
    if (d.node && d.life == life) taking.insert(d.node.get());
  }
  for (const auto& [start, m] : mappings) {
    if (m.life == life) taking.insert(m.node.get());
  }
  std::uint64_t sum = 0;
  for (const inode* node : taking) sum += node->allocated_bytes;
  return sum;
}

std::uint64_t machine::room_for(const inode& node, std::uint64_t bytes) const {
  const std::uint64_t wanted = whole_pages(bytes);
  if (limit == no_limit || wanted <= node.allocated_bytes) return bytes;
  const std::uint64_t taken = used();
  const std::uint64_t free = taken < limit ? (limit - taken) / page_bytes * page_bytes : 0;
  return std::min(bytes, node.allocated_bytes + free);
}

void machine::begin_life() {
  if (crash) {
    now = std::move(*crash);
    crash.reset();
  } else {
    const auto of_this_life = [this](const auto& entry) { return entry.second.life == life; };
    if (std::ranges::any_of(descriptors, of_this_life) || std::ranges::any_of(mappings, of_this_life)) {
      now = now.copy();  // M3
    } else {
      for (const auto& [number, node] : now.inodes()) node->lost.clear();
    }
  }
  crash_at.reset();
  ++life;
}

// ---- paths

std::string normal_path(const std::string& path) {
  std::string normal = std::filesystem::path{path}.lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

std::string parent_path(const std::string& path) {
  const std::string parent = std::filesystem::path{path}.parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string name_in(const std::string& path) { return std::filesystem::path{path}.filename().string(); }

inode_ptr find(const disk& in, const std::string& path) {
  const std::string normal = normal_path(path);
  const auto d = in.directories.find(parent_path(normal));
  if (d == in.directories.end()) return nullptr;
  const auto entry = d->second->current.find(name_in(normal));
  return entry == d->second->current.end() ? nullptr : entry->second;
}

}  // namespace varve::testing::memory_os
