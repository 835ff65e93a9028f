// SPDX-License-Identifier: MIT
//
// make_seeds FOLDER - writes what the fuzzers begin with, FOLDER/<target>/<name>: logs as a close, a death, a loss of power
// and a copy leave them, and pieces of them. The same each time but for the times of day; run it when the format changes.
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include <varve/varve.hpp>

#include "format/frame.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "packed_log.hpp"
#include "support/memory_os.hpp"
#include "support/model.hpp"

namespace varve::fuzz {
namespace {

namespace fs = std::filesystem;
namespace machine = testing::memory_os;

fs::path folder;

void write(const std::string& target, const std::string& name, const byte_vector& bytes) {
  fs::create_directories(folder / target);
  std::ofstream to{folder / target / name, std::ios::binary};
  to.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  check(to.good(), "a seed cannot be written");
}

// ---- Lives of a log

using life = std::function<void(log&)>;

void some_records(log& l) {
  static_cast<void>(l.append("one"));
  const std::string_view batch[] = {"two", "", "four"};
  static_cast<void>(l.append_batch(batch, {.type = 7}));
  if (auto claim = l.claim(100)) static_cast<void>(claim->publish(5));
  if (auto claim = l.claim(16)) claim->abandon();
  static_cast<void>(l.append(std::string(300, 'x')));
}

/// Zeros take no space in a packed log.
void fill_segments(log& l) {
  for (int i = 0; i < 8; ++i) static_cast<void>(l.append(std::string(20'000, '\0')));
}

void synced_half(log& l) {
  some_records(l);
  static_cast<void>(l.sync());
  some_records(l);
}

void rolled_and_synced(log& l) {
  some_records(l);
  fill_segments(l);
  static_cast<void>(l.sync());
  some_records(l);
}

void large_and_entry(log& l) {
  some_records(l);
  static_cast<void>(l.append(std::string(100'000, '\0')));  // in a segment of its own size
  if (auto made = l.begin_entry()) {
    for (const char* chunk : {"a", "", "chunk"}) static_cast<void>(made->write_chunk(chunk));
    static_cast<void>(made->publish());
  }
}

void truncated(log& l) {
  rolled_and_synced(l);
  static_cast<void>(l.truncate_after({3}));
  some_records(l);
}

/// The machine stops at a call of this kind, once the truncation is decided.
life stopped_while_truncated(machine::call at, std::uint64_t last) {
  return [=](log& l) {
    rolled_and_synced(l);
    machine::crash_at_call(1, at);
    static_cast<void>(l.truncate_after({last}));
  };
}

struct ending {
  bool close = false, hole = false;
  std::optional<machine::fate> power{};  // of what was not durable
};

packed_log log_after(const life& lived, const ending& how, checksum sum = checksum::xxh3, bool with_times = false) {
  machine::reset();
  auto opened = log::open(
      "log",
      {.segment_bytes = format::segment_bytes_min, .checksum = sum, .record_times = with_times, .prepared_segments = 1});
  check(opened.has_value(), "a log on a fresh machine");
  std::optional<log> l{std::move(*opened)};
  lived(*l);
  std::optional<claim> open;
  if (how.hole) {
    if (auto made = l->claim(40)) open = std::move(*made);
    static_cast<void>(l->append("behind a hole"));
  }
  if (how.close) check(l->close().has_value(), "close");
  if (how.power) {
    machine::power_loss(1, {.bytes = *how.power, .entries = machine::fate::kept});
  } else {
    machine::process_death();
  }
  open.reset();
  l.reset();
  auto files = take_files("log");
  if (how.power) files.flags = 1;
  return files;
}

void write_log(const std::string& name, const packed_log& log) {
  for (const char* target : {"recovery", "salvage", "accept_loss"}) write(target, name, pack(log));
}

/// Of `log`, what somebody may have lost or spoiled of it; for those who go on all the same.
void write_spoiled(const std::string& name, const packed_log& log) {
  const auto with = [&](const std::string& what, auto change) {
    auto spoiled = log;
    change(spoiled);
    for (const char* target : {"salvage", "accept_loss"}) write(target, name + '_' + what, pack(spoiled));
  };
  with("without_meta", [](packed_log& l) { l.files.erase(meta_file); });
  with("without_state", [](packed_log& l) { l.files.erase(state_file); });
  with("without_first", [](packed_log& l) { l.files.erase(first_segment); });
  with("cut_short", [](packed_log& l) { l.files[first_segment].resize(format::segment_header_bytes + 100); });
  with("no_header",
       [](packed_log& l) { std::fill_n(l.files[first_segment].begin(), format::segment_header_bytes, std::byte{}); });
  with("spoiled_frame", [](packed_log& l) { l.files[first_segment][format::segment_header_bytes + 40] ^= std::byte{1}; });
  with("doubled", [](packed_log& l) { l.files[first_segment + 5] = l.files[first_segment]; });
}

// ---- What is made of them

/// The segment's frames, for those who look at one segment: as if each were the first.
void write_segment(const std::string& name, const packed_log& log, std::uint8_t checksum_kind) {
  const auto& file = log.files.at(first_segment);
  byte_vector seed;
  put(seed, std::uint8_t{0});
  put(seed, static_cast<std::uint8_t>(checksum_kind - 1));
  put(seed, std::uint64_t{0});
  put(seed, std::uint16_t{128});
  seed.resize(seed.size() + 64);
  seed.insert(seed.end(), file.begin() + format::segment_header_bytes, file.begin() + format::segment_header_bytes + 1024);
  repair(seed, 3);
  write("segment_scan", name, seed);
}

void write_frames(const packed_log& log) {
  const std::span file{log.files.at(first_segment)};
  std::size_t at = format::segment_header_bytes;
  for (const char* name : {"record", "batch_head", "batch_empty", "batch_tail", "short", "skip", "long"}) {
    format::frame f;
    const auto room = std::span<const std::byte>{file}.subspan(at);
    const auto fault =
        format::read_frame(room, at, load<std::uint64_t>(room, 0), checksum::xxh3, format::depth::everything, f);
    check(fault == format::frame_fault::none, "a frame of a good log");
    byte_vector seed;
    put(seed, std::uint64_t{at});
    put(seed, load<std::uint64_t>(room, 0));
    put(seed, std::uint8_t{0});
    seed.insert(seed.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(f.extent));
    write("frame", name, seed);
    at += f.extent;
  }
}

void write_operations() {
  using kind = testing::step::kind;
  const auto write_steps = [](const std::string& name, std::uint8_t sum, std::initializer_list<kind> steps) {
    byte_vector seed;
    put(seed, sum);
    std::uint16_t b = 0;
    for (const kind what : steps) {
      put(seed, static_cast<std::uint8_t>(what));
      put(seed, static_cast<std::uint8_t>(b % 7));
      put(seed, static_cast<std::uint16_t>(b += 4099));
    }
    write("operations", name, seed);
  };
  using enum kind;
  write_steps("calm", 0, {append, batch, claim, publish, sync, look, append_large, append_large, look, close, append, look});
  write_steps("deaths", 0, {append, claim, append, batch, kill, append, claim, claim, publish, kill, look, abandon, kill});
  write_steps("power", 0, {append, sync, append, batch, write_back, append, lose_power, append_durable, append, lose_power});
  write_steps("power_without_checksums", 4, {append, sync, append, claim, batch, lose_power, append, lose_power});
  write_steps("rolls", 1, {append_large, append_large, append_large, claim, append_large, append_large, kill, append, sync});
  write_steps("failures", 0,
              {append, fail_call, append_large, append_large, sync, kill, fill_disk, append_large, append_large});
  write_steps("trims", 0, {append,       append_large, append_large, append_large, sync,         trim,         append_large,
                           append_large, trim,         look,         append_large, append_large, append_large, kill,
                           look,         trim,         append_large, close,        trim,         append,       lose_power});
  write_steps("trims_stopped", 3, {append_large, append_large, append_large, trim, append_large,  stop_in_call, trim,
                                   append_large, append_large, kill,         trim, fail_call,     append_large, trim,
                                   append_large, lose_power,   batch,        trim, open_and_stop, append});
  write_steps("trims_claims", 1,
              {append_large, claim, append_large, append_large, trim, publish, trim, claim, append, trim, kill, trim, look});
  write_steps("cuts", 0, {append, append_large, append_large, batch,    truncate, append, look,     truncate,   append_large,
                          sync,   truncate,     look,         kill,     truncate, append, truncate, lose_power, append,
                          reset,  append,       look,         truncate, reset,    append, close,    truncate,   look});
  write_steps("cuts_stopped", 2, {append_large, append_large, batch,        stop_in_call, truncate, kill,      append_large,
                                  append,       stop_in_call, truncate,     lose_power,   append,   fail_call, truncate,
                                  kill,         batch,        stop_in_call, reset,        kill,     append,    look});
  write_steps("checkpoints", 5,
              {append,     batch, checkpoint, look,      append,     checkpoint, truncate,   append,    checkpoint,
               kill,       look,  append,     trim,      append,     checkpoint, lose_power, append,    stop_in_call,
               checkpoint, kill,  append,     fail_call, checkpoint, reset,      append,     checkpoint});
  write_steps("large", 0, {append_large, append_large, append_large, append_large, append_large, append_large, append_large,
                           append_large, kill,         append_large, append_large, append_large, append_large, lose_power,
                           append_large, truncate,     append_large, append_large, trim,         look});
  write_steps("entries", 6,
              {entry, append, entry, look, append_large, entry, kill, entry, sync, entry, lose_power, entry, truncate});
  write_steps("stopped", 0, {append, stop_in_call, append_large, sync, kill, batch, open_and_stop, append, open_and_stop});
}

void write_index() {
  machine::reset();
  auto l = log::open("log", {.segment_bytes = format::segment_bytes_min, .index_stride_bytes = format::index_stride_min});
  for (int i = 0; i < 300; ++i) static_cast<void>(l->append(std::string(100, 'x')));
  check(l->close().has_value(), "close");
  const auto file = machine::contents("log/00000000000000000001.idx");
  byte_vector seed{std::byte{0}};
  seed.insert(seed.end(), file.begin() + format::index_header_bytes, file.end());
  write("index", "slots", seed);
  seed[0] = std::byte{2};
  write("index", "slots_writer", seed);
  seed.assign(1, std::byte{1});
  seed.insert(seed.end(), file.begin(), file.begin() + format::sector_bytes);
  seed.insert(seed.end(), file.begin() + format::index_header_bytes, file.end());
  write("index", "header_and_slots", seed);
}

}  // namespace

void make_seeds() {
  using machine::fate;
  write_log("closed", log_after(some_records, {.close = true}));
  write_log("closed_rolled", log_after(rolled_and_synced, {.close = true}));
  write_log("dead", log_after(synced_half, {}));
  write_log("dead_hole", log_after(synced_half, {.hole = true}));
  write_log("dead_rolled_hole", log_after(rolled_and_synced, {.hole = true}));
  write_log("dead_fresh", log_after([](log&) {}, {}));
  write_log("dead_without_checksums", log_after(synced_half, {.hole = true}, checksum::none));
  write_log("power_kept", log_after(rolled_and_synced, {.hole = true, .power = fate::kept}));
  write_log("power_lost", log_after(rolled_and_synced, {.power = fate::lost}));
  write_log("power_torn", log_after(rolled_and_synced, {.power = fate::random}));
  write_log("power_without_checksums", log_after(synced_half, {.power = fate::kept}, checksum::none));
  auto without_live = log_after(rolled_and_synced, {});
  without_live.files.erase(live_file);
  write_log("dead_without_live", without_live);
  auto without_middle = log_after(rolled_and_synced, {.close = true});
  without_middle.files.erase(first_segment + 1);
  write_log("segment_missing", without_middle);
  auto copy = log_after(rolled_and_synced, {.close = true});
  for (const std::size_t slot : {0U, 4096U, 8192U, 12288U}) {
    store<std::uint64_t>(copy.files[state_file], slot + 48, 12345);  // the inode
    refresh<format::state>(copy.files[state_file], slot);
  }
  write_log("copy", copy);
  write_spoiled("closed", log_after(rolled_and_synced, {.close = true}));
  write_spoiled("dead", log_after(rolled_and_synced, {.hole = true}));
  write_spoiled("truncated", log_after(truncated, {.close = true}));
  write_spoiled("copy", copy);
  write_log("dead_times", log_after(synced_half, {}, checksum::xxh3, true));
  write_log("dead_large", log_after(large_and_entry, {}));
  write_log("dead_truncated", log_after(truncated, {.hole = true}));
  write_log("closed_truncated", log_after(truncated, {.close = true}));
  write_log("power_truncated", log_after(truncated, {.power = fate::random}));
  for (const std::uint64_t last : {3U, 0U}) {
    const auto number = std::to_string(last);
    write_log("truncating_" + number, log_after(stopped_while_truncated(machine::call::remove, last), {}));
    write_log("truncating_power_" + number,
              log_after(stopped_while_truncated(machine::call::remove, last), {.power = fate::random}));
  }
  const auto stopped_at_end = [](log& l) {
    some_records(l);
    machine::crash_at_call(1, machine::call::write_at, ".seg");
    static_cast<void>(l.truncate_after({3}));
  };
  write_log("truncating_end", log_after(stopped_at_end, {}));
  const auto plain = log_after(some_records, {});
  write_frames(plain);
  write_segment("frames", plain, 1);
  write_segment("hole", log_after(some_records, {.hole = true}), 1);
  write_segment("crc32c", log_after(some_records, {}, checksum::crc32c), 2);
  write_index();
  write_operations();
}

}  // namespace varve::fuzz

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  varve::fuzz::folder = argv[1];
  varve::fuzz::make_seeds();
}
