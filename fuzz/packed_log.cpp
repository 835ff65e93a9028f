// SPDX-License-Identifier: MIT
#include "packed_log.hpp"

#include <algorithm>

#include "format/file_name.hpp"
#include "format/state.hpp"
#include "os/file.hpp"
#include "support/memory_os.hpp"

namespace varve::fuzz {
namespace {

namespace machine = testing::memory_os;

constexpr std::size_t file_bytes_max = std::size_t{512} * 1024, word_bytes = 8, piece_bytes_max = 0xfff8;

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

/// The file's first piece at or behind `from` that is not zero; empty if there is none. Ends before two words of zeros.
std::span<const std::byte> piece_from(std::span<const std::byte> file, std::size_t from) {
  const auto word = [&](std::size_t at) { return file.subspan(at, std::min(word_bytes, file.size() - at)); };
  while (from < file.size() && is_zero(word(from))) from += word_bytes;
  if (from >= file.size()) return {};
  std::size_t end = from;
  unsigned zeros = 0;
  for (std::size_t at = from; at < file.size() && zeros < 2 && at - from < piece_bytes_max; at += word_bytes) {
    zeros = is_zero(word(at)) ? zeros + 1 : 0;
    if (zeros == 0) end = at + word(at).size();
  }
  return file.subspan(from, end - from);
}

void make_directory(const std::string& directory) {
  check(os::make_directory(directory, 0700).has_value(), "a directory on a fresh machine");
}

/// What put_files() gives varve.state for an inode: found out by doing it.
os::file_status status_of_state() {
  const auto here = os::open_directory("log");
  const auto file = os::open_file(*here, format::state_name, os::access::read);
  return *os::status_of(*file);
}

}  // namespace

std::string file_name(std::uint8_t name) {
  constexpr const char* fixed[] = {format::meta_name, format::meta_temporary_name, format::state_name, format::live_name};
  if (name < first_segment) return fixed[name];
  const bool is_index = name >= first_index;
  const auto kind = is_index ? format::file_kind::index : format::file_kind::segment;
  return format::name_of(kind, 1U + name - (is_index ? first_index : first_segment)).c_str();
}

packed_log unpack(std::span<const std::byte> input) {
  taker from{input};
  packed_log log{.flags = from.take<std::uint8_t>(), .files = {}};
  while (!from.is_empty()) {
    const auto name = static_cast<std::uint8_t>(from.take<std::uint8_t>() % file_names);
    auto& file = log.files[name];
    file.assign(std::min<std::size_t>(from.take<std::uint32_t>(), file_bytes_max), std::byte{0});
    for (unsigned pieces = from.take<std::uint16_t>(); pieces > 0 && !from.is_empty(); --pieces) {
      const std::size_t at = from.take<std::uint16_t>() * word_bytes;
      const auto piece = from.take_bytes(from.take<std::uint16_t>());
      if (at < file.size()) std::ranges::copy(piece.first(std::min(piece.size(), file.size() - at)), file.data() + at);
    }
  }
  return log;
}

byte_vector pack(const packed_log& log) {
  byte_vector all;
  put(all, log.flags);
  for (const auto& [name, file] : log.files) {
    put(all, name);
    put(all, static_cast<std::uint32_t>(file.size()));
    byte_vector pieces;
    std::uint16_t count = 0;
    for (auto piece = piece_from(file, 0); !piece.empty(); ++count) {
      const auto at = static_cast<std::size_t>(piece.data() - file.data());
      put(pieces, static_cast<std::uint16_t>(at / word_bytes));
      put(pieces, static_cast<std::uint16_t>(piece.size()));
      pieces.insert(pieces.end(), piece.begin(), piece.end());
      piece = piece_from(file, (at + piece.size() + word_bytes - 1) / word_bytes * word_bytes);
    }
    put(all, count);
    all.insert(all.end(), pieces.begin(), pieces.end());
  }
  return all;
}

void put_files(const packed_log& log, const std::string& directory) {
  make_directory(directory);
  // First, and even if it is not there: its inode is always the same.
  const std::string state = directory + '/' + format::state_name;
  machine::put(state, {});
  for (const auto& [name, bytes] : log.files) {
    if (name == state_file) {
      const auto here = os::open_directory(directory);
      const auto file = os::open_file(*here, format::state_name, os::access::read_write);
      check(bytes.empty() || os::write_at(*file, 0, bytes).has_value(), "a write to a fresh file");
    } else {
      machine::put(directory + '/' + file_name(name), bytes);
    }
  }
  if (!log.files.contains(state_file)) check(os::remove(*os::open_directory(directory), format::state_name).has_value());
  check(os::sync_directory(*os::open_directory(directory)).has_value());
}

packed_log take_files(const std::string& directory) {
  packed_log log;
  for (std::uint8_t name = 0; name < file_names; ++name) {
    const std::string path = directory + '/' + file_name(name);
    if (machine::exists(path)) log.files[name] = machine::contents(path);
  }
  const auto image = machine::snapshot();
  machine::reset();
  put_files(log, "log");
  const auto status = status_of_state();
  machine::restore(image);
  auto& state = log.files[state_file];
  for (const std::size_t slot : {0U, 4096U, 8192U, 12288U}) {
    if (state.size() < slot + format::sector_bytes) continue;
    store(std::span{state}, slot + offsetof(format::state, inode), status.inode);
    store(std::span{state}, slot + offsetof(format::state, birth_ns), status.birth_ns);
    refresh<format::state>(state, slot);
  }
  return log;
}

}  // namespace varve::fuzz
