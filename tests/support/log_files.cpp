// SPDX-License-Identifier: MIT
#include "support/log_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <system_error>

#include "format/file_name.hpp"
#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "os/point.hpp"
#include "support/catch.hpp"

namespace varve::testing {
namespace {

namespace fs = std::filesystem;

class descriptor {
 public:
  descriptor(const fs::path& file, int flags) : number_(::open(file.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (number_ == -1) throw std::system_error{errno, std::generic_category(), file.string()};
  }
  ~descriptor() { ::close(number_); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  operator int() const noexcept { return number_; }

 private:
  int number_;
};

std::uint64_t word_in(const byte_vector& bytes, std::uint64_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

}  // namespace

byte_vector read_part(const fs::path& file, std::uint64_t offset, std::uint64_t bytes) {
  const descriptor f{file, O_RDONLY};
  byte_vector read(bytes);
  const auto n = ::pread(f, read.data(), read.size(), static_cast<off_t>(offset));
  if (n < 0) throw std::system_error{errno, std::generic_category(), file.string()};
  read.resize(static_cast<std::size_t>(n));
  return read;
}

byte_vector read_file(const fs::path& file) { return read_part(file, 0, fs::file_size(file)); }

void patch(const fs::path& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  const descriptor f{file, O_WRONLY};
  if (::pwrite(f, bytes.data(), bytes.size(), static_cast<off_t>(offset)) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error{errno, std::generic_category(), file.string()};
}

void flip_bit(const fs::path& file, std::uint64_t offset, unsigned bit) {
  auto byte = read_part(file, offset, 1);
  byte.at(0) ^= std::byte{1} << bit;
  patch(file, offset, byte);
}

void write_new_file(const fs::path& file, std::string_view text) {
  const descriptor f{file, O_WRONLY | O_CREAT | O_EXCL};
  patch(file, 0, std::as_bytes(std::span{text}));
}

directory_image image_of(const fs::path& directory) {
  directory_image image;
  for (const auto& entry : fs::directory_iterator{directory}) {
    struct stat status{};
    if (::lstat(entry.path().c_str(), &status) == -1) continue;
    file_image file{.changed_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
                    .mode = status.st_mode,
                    .inode = status.st_ino};
    if (S_ISREG(status.st_mode)) file.bytes = read_file(entry.path());
    if (S_ISLNK(status.st_mode)) file.link = fs::read_symlink(entry.path());
    image.emplace(entry.path().filename(), std::move(file));
  }
  return image;
}

void restore(const fs::path& directory, const directory_image& image) {
  for (const auto& [name, now] : image_of(directory)) {
    const auto was = image.find(name);
    if (was == image.end()) {
      fs::remove(directory / name);
    } else if (now.bytes != was->second.bytes) {
      if (now.bytes.size() != was->second.bytes.size()) fs::resize_file(directory / name, was->second.bytes.size());
      patch(directory / name, 0, was->second.bytes);
    }
  }
  for (const auto& [name, was] : image) {
    if (fs::exists(directory / name)) continue;
    write_new_file(directory / name, {});
    patch(directory / name, 0, was.bytes);
  }
}

std::vector<std::uint64_t> segment_numbers(const fs::path& log) {
  std::vector<std::uint64_t> numbers;
  for (const auto& entry : fs::directory_iterator{log})
    if (const auto number = format::parse_name(format::file_kind::segment, entry.path().filename().string()))
      numbers.push_back(*number);
  std::ranges::sort(numbers);
  return numbers;
}

fs::path segment_path(const fs::path& log, std::uint64_t number) {
  return log / format::name_of(format::file_kind::segment, number).c_str();
}

namespace {

/// All zero if there is none. Beside a living writer files that are no part of the log come and go.
format::activation activation_of(const fs::path& file) {
  try {
    if (fs::file_size(file) < format::segment_header_bytes) return {};
    return read_sector<format::activation>(file, format::activation_offset);
  } catch (const std::system_error& e) {
    if (e.code() == std::errc::no_such_file_or_directory) return {};
    throw;
  }
}

}  // namespace

frame_place place_of(const fs::path& log, std::uint64_t sequence) {
  frame_place best;
  std::uint64_t best_base = 0;
  for (const std::uint64_t number : segment_numbers(log)) {
    const auto a = activation_of(segment_path(log, number));
    if (a.head.magic != format::activation::magic || a.base > sequence || a.base < best_base) continue;
    best_base = a.base;
    best.segment = number;
  }
  if (best.segment == 0) FAIL("no segment reaches sequence " << sequence);
  const auto bytes = read_file(segment_path(log, best.segment));
  best.offset = format::segment_header_bytes;
  for (std::uint64_t at = best_base;; ++at) {
    const std::uint64_t third = word_in(bytes, best.offset + 16);
    best.payload_bytes = third & 0xffffffff;
    const std::uint64_t extension_bytes = 8 * (third >> 44 & 0xf);
    best.payload = best.offset + format::frame_header_bytes + extension_bytes;
    best.extent = format::frame_bytes(best.payload_bytes, extension_bytes);
    if (at == sequence) return best;
    best.offset += best.extent;
  }
}

void flip_payload_bit(const fs::path& log, std::uint64_t sequence) {
  const auto place = place_of(log, sequence);
  REQUIRE(place.payload_bytes > 0);
  flip_bit(segment_path(log, place.segment), place.payload);
}

void clear_stamp(const fs::path& log, std::uint64_t sequence) {
  const auto place = place_of(log, sequence);
  patch(segment_path(log, place.segment), place.offset, byte_vector(8));
}

void make_power_loss(const fs::path& log) {
  const auto file = log / format::state_name;
  for (const std::uint64_t offset : state_copies) {
    auto slot = read_sector<format::state>(file, offset);
    slot.boot[0] ^= std::byte{1};
    write_sector(file, offset, slot);
  }
}

namespace {

/// Runs `life` in a child, and gives the status with which it ended.
int status_of_child(const std::function<void()>& life) {
  const pid_t child = ::fork();
  if (child == 0) {
    life();
    ::_exit(0);  // no destructor, nothing closed: to the kernel it is what kill -9 is
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  INFO("signal " << (WIFSIGNALED(status) ? WTERMSIG(status) : 0));
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

}  // namespace

void must(bool held) noexcept {
  if (!held) ::_exit(3);
}

void die_with(const fs::path& log, const log_options& options, const std::function<void(varve::log&)>& life) {
  const int status = status_of_child([&] {
    auto opened = varve::log::open(log, options);
    if (!opened) ::_exit(2);
    life(*opened);
    ::_exit(0);  // before the destructor
  });
  INFO("2: the log did not open, 3: must() did not hold");
  REQUIRE(status == 0);
}

void die_opening(const fs::path& log, const char* point, int nth) {
  const int status = status_of_child([&] {
    die_at(point, nth);
    const auto opened = varve::log::open(log);
    ::_exit(opened ? 0 : 2);
  });
  REQUIRE(status == 0);
}

namespace {

// One of each is enough. Plain, since they are set before the hook is installed.
const char* point_to_die_at = "";
std::atomic<int> passes_left{0};
const char* point_to_sleep_at = "";

void at_point(const char* name) noexcept {
  if (std::strcmp(name, point_to_die_at) == 0 && passes_left.fetch_sub(1) == 1) ::_exit(0);
  if (std::strcmp(name, point_to_sleep_at) == 0)
    for (;;) ::pause();
}

}  // namespace

void die_at(const char* point, int nth) noexcept {
  point_to_die_at = point;
  passes_left = nth;
  testing::on_point.store(&at_point);
}

void sleep_at(const char* point) noexcept {
  point_to_sleep_at = point;
  testing::on_point.store(&at_point);
}

namespace {

enum class holding : int { nobody, armed, held };
std::atomic<holding> held{holding::nobody};
const char* point_to_hold = "";
std::atomic<int> times_to_pass{0};

void hold_at_point(const char* name) noexcept {
  auto expected = holding::armed;
  if (std::strcmp(name, point_to_hold) != 0 || times_to_pass.fetch_sub(1) > 0 ||
      !held.compare_exchange_strong(expected, holding::held))
    return;
  held.notify_all();
  held.wait(holding::held);
}

}  // namespace

held_point::held_point(const char* name, int nth) noexcept {
  point_to_hold = name;
  times_to_pass = nth - 1;
  held = holding::armed;
  testing::on_point.store(&hold_at_point);
}

void held_point::wait_until_reached() const noexcept { held.wait(holding::armed); }

void held_point::release() noexcept {
  testing::on_point.store(nullptr);
  held = holding::nobody;
  held.notify_all();
}

void append_all(varve::log& log, std::string_view letters) {
  for (const char& c : letters) must(log.append(std::string_view{&c, 1}).has_value());
}

void die_after(const fs::path& log, std::string_view letters, std::size_t synced, const log_options& options) {
  die_with(log, options, [&](varve::log& l) {
    append_all(l, letters.substr(0, synced));
    if (synced > 0) must(l.sync().has_value());
    append_all(l, letters.substr(synced));
  });
}

std::string rows_of(const recovery_report& report) {
  std::string rows;
  for (const auto& f : report.findings) rows += f.row;
  return rows;
}

std::string text_of(const recovery_report& report) {
  std::ostringstream text;
  text << report.kept << " kept, " << report.cut_bytes << " bytes and " << report.cut_records << " records cut, "
       << report.stepped_over << " stepped over" << (report.clean ? ", clean" : "");
  for (const auto& f : report.findings)
    text << "; " << f.row << " at " << f.segment << ':' << f.offset << ", " << f.sequences.first.value << " to "
         << f.sequences.end.value;
  return text.str();
}

result<recovery_report> verify_on_threads(const std::filesystem::path& log) {
  const auto answer_of = [](const result<recovery_report>& r) { return r ? text_of(*r) : r.error().message(); };
  auto alone = verify(log);
  for (const std::uint32_t threads : {2U, 8U}) CHECK(answer_of(verify(log, {}, {.threads = threads})) == answer_of(alone));
  return alone;
}

}  // namespace varve::testing
