// SPDX-License-Identifier: MIT
//
// more.cpp - the README's second example, between the two marks, and what runs it.
// -- begin
#include <chrono>
#include <cstdio>
#include <span>

#include <varve/varve.hpp>

using namespace std::chrono_literals;

// In place: what a device or a codec writes goes straight into the log.
template <class Source>
varve::result<varve::sequence> record(varve::log& log, Source& source) {
  auto claim = log.claim(1500);
  if (!claim) return std::unexpected(claim.error());
  const std::size_t used = source.read(claim->bytes());
  return claim->publish(used);  // fewer is fine, and keeps the space; without this line the claim is abandoned
}

// Piece by piece, all of it visible at once or none: what is not published leaves nothing behind.
template <class Parts>
varve::result<varve::sequence_range> append_parts(varve::log& log, const Parts& parts) {
  auto entry = log.begin_entry({.durability = varve::immediate()});
  if (!entry) return std::unexpected(entry.error());
  for (const auto& part : parts)
    if (auto done = entry->write_chunk(part); !done) return std::unexpected(done.error());
  return entry->publish();  // each part is a record; record::batch_goes_on() says whether the next belongs to it
}

// From another process, without a lock that the writer would feel. Nothing is written but that somebody waits.
int follow(const char* directory, std::chrono::milliseconds patience) {
  auto view = varve::log_view::open(directory);
  if (!view) return std::puts(view.error().message().c_str()), 1;
  auto reader = view->reader();
  if (!reader) return 1;
  for (;;) {
    auto there = reader->wait(std::chrono::steady_clock::now() + patience);  // sleeps until something is published
    if (!there) return std::puts(there.error().message().c_str()), 1;
    if (!*there) return 0;
    auto record = reader->next();
    if (!record) return std::puts(record.error().message().c_str()), 1;  // damage? See read_past_damage()
    std::printf("%zu bytes\n", (*record)->payload().size());
  }
}

// Every record that can be read, also of a damaged log: an error says which sequences are out of reach.
std::uint64_t read_past_damage(varve::reader& reader) {
  std::uint64_t lost = 0;
  for (;;) {
    auto record = reader.next();
    if (record && !*record) return lost;  // the end for now
    if (record) continue;                 // (*record)->payload()
    auto error = record.error();
    while (error.code() == varve::errc::damaged) {
      lost += error.last_sequence() - error.first_sequence() + 1;
      auto moved = reader.seek({error.last_sequence() + 1});
      if (moved) break;
      error = moved.error();  // what follows is damaged as well
    }
    if (error.code() != varve::errc::damaged) return lost;
  }
}
// -- end

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace {

struct line_of_text {
  [[nodiscard]] std::size_t read(std::span<std::byte> to) const {
    std::ranges::fill(to.first(7), std::byte{'x'});
    return 7;
  }
};

/// The length of the second record is spoiled: it is lost, and no other.
bool passes_damage(const std::filesystem::path& directory) {
  {
    std::fstream segment(directory / "00000000000000000001.seg", std::ios::in | std::ios::out | std::ios::binary);
    segment.seekp(4096 + 32 + 17);
    segment.put('x');
  }
  auto view = varve::log_view::open(directory);
  auto reader = view->reader();
  const bool is_passed = reader && read_past_damage(*reader) == 1 && reader->position().value == 4;
  std::filesystem::remove_all(directory);
  return is_passed;
}

}  // namespace

int main() {
  const std::filesystem::path directory = "readme_more";
  std::filesystem::remove_all(directory);
  auto log = varve::log::open(directory, {.durability = varve::grouped(200us)});
  const line_of_text source;
  if (!log || !record(*log, source) || follow(directory.c_str(), 10ms) != 0) return 1;
  if (log->read({1})->payload().size() != 7) return 1;
  const auto parts = append_parts(*log, std::array<std::string_view, 2>{"head", "body"});
  if (!parts || parts->size() != 2 || !log->read({3})->is_chunk() || !log->close()) return 1;
  return passes_damage(directory) ? 0 : 1;
}
