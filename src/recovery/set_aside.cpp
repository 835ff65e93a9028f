// SPDX-License-Identifier: MIT
#include "recovery/set_aside.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "format/file_name.hpp"
#include "os/process.hpp"

namespace varve::core {
namespace {

constexpr std::uint64_t block_bytes = std::uint64_t{1} << 20;

constexpr std::string_view name_begin = "set-aside-";

std::string directory_name(std::uint64_t now_ns) {
  const std::chrono::sys_time now{std::chrono::nanoseconds{now_ns}};
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(now - day)};
  const auto two = [](auto n) { return std::string{static_cast<char>('0' + n / 10), static_cast<char>('0' + n % 10)}; };
  return std::string{name_begin} + std::to_string(static_cast<int>(date.year())) + two(static_cast<unsigned>(date.month())) +
         two(static_cast<unsigned>(date.day())) + 'T' + two(time.hours().count()) + two(time.minutes().count()) +
         two(time.seconds().count()) + 'Z';
}

struct aside {
  std::string path;
  os::file opened;
};

/// A directory in that of the log. A name that is taken gets a number.
result<aside> make_directory(const log_place& place, std::uint32_t permissions) {
  const std::string wanted = place.path->text + '/' + directory_name(os::wall_clock_ns());
  const std::uint32_t mode = permissions | (permissions & 0444) >> 2;  // an x for each r
  for (unsigned number = 1;; ++number) {
    const std::string path = number == 1 ? wanted : wanted + '-' + std::to_string(number);
    const auto made = os::make_directory(path, mode);
    if (!made && made.error().number == EEXIST) continue;
    if (!made) return place.fail_call(made.error());
    auto opened = os::open_directory(path);
    if (!opened) return place.fail_call(opened.error());
    return aside{.path = path, .opened = std::move(*opened)};
  }
}

/// Makes what was copied durable, and that it is there.
result<void> sync(const log_place& place, const aside& to) {
  if (const auto done = os::sync_directory(to.opened); !done) return place.fail_call(done.error());
  if (const auto done = os::sync_directory(place.directory); !done) return place.fail_call(done.error());
  return {};
}

os::result<void> copy_bytes(const os::file& from, const os::file& to) {
  std::vector<std::byte> block(block_bytes);
  for (std::uint64_t at = 0;;) {
    const auto n = os::read_at(from, at, block);
    if (!n) return std::unexpected(n.error());
    if (*n == 0) return {};
    if (const auto done = os::write_at(to, at, std::span{block}.first(*n)); !done) return done;
    at += *n;
  }
}

result<void> copy(const log_place& place, const char* name, const os::file& to, std::uint32_t permissions,
                  std::uint64_t number = 0) {
  const auto from = os::open_file(place.directory, name, os::access::read);
  if (!from) return place.fail_call(from.error(), number);
  const auto made = os::create_file(to, name, permissions);
  if (!made) return place.fail_call(made.error(), number);
  // What the device does not give back is copied up to there: it is none of the reasons to refuse a rescue.
  if (!os::share_blocks(*from, *made)) {
    const auto done = copy_bytes(*from, *made);
    if (!done && done.error().number != EIO) return place.fail_call(done.error(), number);
  }
  if (const auto done = os::sync_file(*made); !done) return place.fail_call(done.error(), number);
  return {};
}

bool is_changed(const chain_link& link) noexcept {
  const bool is_gone = std::ranges::any_of(link.holes, [](const hole& h) { return h.gone; });
  return is_gone || link.after_loss || link.grow_to != 0;
}

}  // namespace

result<void> set_aside(const log_place& place, const survey& s, std::uint32_t permissions) {
  const bool is_cut = s.accepts_loss && s.report.cut_records != 0;
  if (s.report.given_up == 0 && s.set_aside.empty() && !is_cut) return {};
  std::vector<std::uint64_t> numbers = s.set_aside;
  for (const auto& link : s.chain)
    if (is_changed(link) || !link.end_recorded) numbers.push_back(link.facts.number);
  std::ranges::sort(numbers);
  numbers.erase(std::ranges::unique(numbers).begin(), numbers.end());
  if (numbers.empty()) return {};
  const auto directory = make_directory(place, permissions);
  if (!directory) return std::unexpected(directory.error());
  for (const std::uint64_t number : numbers) {
    const auto name = format::name_of(format::file_kind::segment, number);
    if (auto done = copy(place, name.c_str(), directory->opened, permissions, number); !done) return done;
  }
  if (auto done = sync(place, *directory); !done) return done;
  // They are there twice now.
  for (const std::uint64_t number : s.set_aside) {
    const auto name = format::name_of(format::file_kind::segment, number);
    if (const auto done = os::remove(place.directory, name.c_str()); !done && done.error().number != ENOENT)
      return place.fail_call(done.error(), number);
  }
  if (const auto done = os::sync_directory(place.directory); !done) return place.fail_call(done.error());
  return {};
}

os::result<std::vector<set_aside_directory>> list_set_aside(const log_place& place) {
  std::vector<set_aside_directory> all;
  const auto names = os::list(place.directory);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    if (!name.starts_with(name_begin)) continue;
    const auto directory = os::open_directory(place.path->text + '/' + name);
    if (!directory && (directory.error().number == ENOENT || directory.error().number == ENOTDIR)) continue;
    if (!directory) return std::unexpected(directory.error());
    const auto files = os::list(*directory);
    if (!files) return std::unexpected(files.error());
    set_aside_directory& each = all.emplace_back(name);
    for (const auto& file_name : *files) {
      const auto file = os::open_file(*directory, file_name.c_str(), os::access::read);
      if (!file && file.error().number == ENOENT) continue;  // it has just been removed
      if (!file) return std::unexpected(file.error());
      const auto status = os::status_of(*file);
      if (!status) return std::unexpected(status.error());
      ++each.files;
      each.bytes += status->allocated_bytes;
    }
  }
  std::ranges::sort(all, {}, &set_aside_directory::name);
  return all;
}

result<std::string> keep_copies(const log_place& place, std::span<const char* const> names, std::uint32_t permissions) {
  const auto there = os::list(place.directory);
  if (!there) return place.fail_call(there.error());
  std::vector<const char*> wanted;
  for (const char* const name : names)
    if (std::ranges::find(*there, name) != there->end()) wanted.push_back(name);
  if (wanted.empty()) return std::string{};
  const auto directory = make_directory(place, permissions);
  if (!directory) return std::unexpected(directory.error());
  for (const char* const name : wanted)
    if (auto done = copy(place, name, directory->opened, permissions); !done) return std::unexpected(done.error());
  if (auto done = sync(place, *directory); !done) return std::unexpected(done.error());
  return directory->path;
}

}  // namespace varve::core
