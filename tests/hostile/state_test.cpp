// SPDX-License-Identifier: MIT
//
// What varve.meta, varve.state and varve.live may say that varve would not have written, their checksums repaired.
#include "format/state.hpp"

#include "format/live.hpp"
#include "format/meta.hpp"
#include "hostile/spoiled_directory.hpp"

namespace varve::testing {
namespace {

using path = fs::path;

template <class Change>
void meta_of(const path& dir, Change change) {
  for (const std::uint64_t copy : meta_copies) edit_sector<format::meta>(dir / format::meta_name, copy, change);
}
void put_in_meta(const path& dir, std::size_t at, std::uint64_t value, std::size_t size) {
  for (const std::uint64_t copy : meta_copies) put_in_sector(dir / format::meta_name, copy, at, value, size);
}
/// Both slots.
template <class Change>
void state_of(const path& dir, Change change) {
  for (const std::uint64_t slot : state_copies) edit_sector<format::state>(dir / format::state_name, slot, change);
}
void put_in_state(const path& dir, std::size_t at, std::uint64_t value, std::size_t size) {
  for (const std::uint64_t slot : state_copies) put_in_sector(dir / format::state_name, slot, at, value, size);
}
/// Both slots say the same, of the epoch that counts; but for what is changed.
template <class Change>
void marks_of(const path& dir, Change change) {
  format::mark m{.epoch = 1, .segment = 3, .offset = 4096 + 3 * 19'032, .sequence = 9};
  change(m);
  for (const std::uint64_t slot : format::mark_slot_offset) write_sector(dir / format::live_name, slot, m);
}
void put_in_live(const path& dir, std::uint64_t at, std::uint64_t value) {
  patch(dir / format::live_name, at, std::as_bytes(std::span{&value, 1}));
}

const directory_row meta_rows[] = {
    {"another log", [](const path& d) { meta_of(d, [](auto& m) { m.log[3] ^= std::byte{1}; }); }, "damaged segment 1",
     "XXXZ", "!!!!!!!!!"},
    {"segments of 0 bytes", [](const path& d) { meta_of(d, [](auto& m) { m.segment_bytes = 0; }); }, "damaged varve.meta",
     "damaged varve.meta", "damaged varve.meta"},
    {"segments of 2^63 bytes", [](const path& d) { meta_of(d, [](auto& m) { m.segment_bytes = 1ULL << 63; }); },
     "damaged varve.meta", "damaged varve.meta", "damaged varve.meta"},
    {"segments of no whole unit", [](const path& d) { meta_of(d, [](auto& m) { m.segment_bytes += 4096; }); },
     "damaged varve.meta", "damaged varve.meta", "damaged varve.meta"},
    {"segments of another size", [](const path& d) { meta_of(d, [](auto& m) { m.segment_bytes *= 2; }); }},
    {"checksum kind 0", [](const path& d) { meta_of(d, [](auto& m) { m.checksum_kind = 0; }); }, "damaged varve.meta",
     "damaged varve.meta", "damaged varve.meta"},
    {"checksum kind 6", [](const path& d) { meta_of(d, [](auto& m) { m.checksum_kind = 6; }); }, "damaged varve.meta",
     "damaged varve.meta", "damaged varve.meta"},
    {"another checksum kind", [](const path& d) { meta_of(d, [](auto& m) { m.checksum_kind = 2; }); }, "damaged segment 1",
     "YYYFFF", "!!!!!!!!!"},
    {"no checksums", [](const path& d) { meta_of(d, [](auto& m) { m.checksum_kind = 5; }); }, "damaged segment 1", "YYYFFF",
     "!!!!!!!!!"},
    {"alignment 1", [](const path& d) { meta_of(d, [](auto& m) { m.frame_alignment_log2 = 0; }); }, "damaged varve.meta",
     "damaged varve.meta", "damaged varve.meta"},
    {"stride 0", [](const path& d) { meta_of(d, [](auto& m) { m.index_stride_bytes = 0; }); }, "damaged varve.meta",
     "damaged varve.meta", "damaged varve.meta"},
    {"stride 2^31", [](const path& d) { meta_of(d, [](auto& m) { m.index_stride_bytes = 1U << 31; }); },
     "damaged varve.meta", "damaged varve.meta", "damaged varve.meta"},
    {"stride 3000", [](const path& d) { meta_of(d, [](auto& m) { m.index_stride_bytes = 3000; }); }, "damaged varve.meta",
     "damaged varve.meta", "damaged varve.meta"},
    {"another stride", [](const path& d) { meta_of(d, [](auto& m) { m.index_stride_bytes = 1 << 20; }); }},
    {"an incompatible feature", [](const path& d) { meta_of(d, [](auto& m) { m.features.incompatible = 1U << 31; }); },
     "newer_format", "newer_format", "newer_format"},
    {"a read-only compatible feature",
     [](const path& d) { meta_of(d, [](auto& m) { m.features.read_only_compatible = 2; }); }, "newer_format"},
    {"a compatible feature", [](const path& d) { meta_of(d, [](auto& m) { m.features.compatible = 4; }); }},
    {"version 0", [](const path& d) { put_in_meta(d, 8, 0, 4); }, "damaged varve.meta", "damaged varve.meta",
     "damaged varve.meta"},
    {"version 1", [](const path& d) { put_in_meta(d, 8, 1, 4); }, "older_format", "older_format", "older_format"},
    {"version 3", [](const path& d) { put_in_meta(d, 8, 3, 4); }, "newer_format", "newer_format", "newer_format"},
    {"the reserved word not zero", [](const path& d) { put_in_meta(d, 12, 1, 4); }, "newer_format", "newer_format",
     "newer_format"},
    {"reserved fields not zero", [](const path& d) { put_in_meta(d, 300, 1, 8); }},
    {"another magic", [](const path& d) { put_in_meta(d, 0, 0, 8); }, "damaged varve.meta", "damaged varve.meta",
     "damaged varve.meta"},
    {"cut to 511 bytes", [](const path& d) { fs::resize_file(d / format::meta_name, 511); }, "damaged varve.meta",
     "damaged varve.meta", "damaged varve.meta"},
    {"cut to its magic", [](const path& d) { fs::resize_file(d / format::meta_name, 8); }, "damaged varve.meta",
     "damaged varve.meta", "damaged varve.meta"},
    {"zeros", [](const path& d) { patch(d / format::meta_name, 0, byte_vector(fs::file_size(d / format::meta_name))); },
     "damaged varve.meta", "damaged varve.meta", "damaged varve.meta"},
    {"empty", [](const path& d) { fs::resize_file(d / format::meta_name, 0); }, "damaged varve.meta", "damaged varve.meta",
     "damaged varve.meta"},
    {"not there", [](const path& d) { fs::remove(d / format::meta_name); }, "incomplete varve.meta", "incomplete varve.meta",
     "incomplete varve.meta"},
    {"longer, all 16 TiB of it sparse",
     [](const path& d) { fs::resize_file(d / format::meta_name, (std::uint64_t{16} << 40) - 4096); }},
};

const directory_row state_rows[] = {
    {"condition 0", [](const path& d) { state_of(d, [](auto& s) { s.condition = format::condition{0}; }); },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"condition 3", [](const path& d) { state_of(d, [](auto& s) { s.condition = format::condition{3}; }); },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"open, in a boot that never was",
     [](const path& d) {
       state_of(d, [](auto& s) {
         s.condition = format::condition::open;
         s.boot = {};
       });
     }},
    {"open, in this boot", [](const path& d) { state_of(d, [](auto& s) { s.condition = format::condition::open; }); }},
    {"open in epoch 0",
     [](const path& d) {
       state_of(d, [](auto& s) {
         s.condition = format::condition::open;
         s.epoch = 0;
       });
     },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"clean in epoch 0", [](const path& d) { state_of(d, [](auto& s) { s.epoch = 0; }); }, "damaged varve.state", "s"},
    {"the epoch before the last", [](const path& d) { state_of(d, [](auto& s) { s.epoch = UINT32_MAX - 1; }); },
     "damaged varve.state"},
    {"the last epoch", [](const path& d) { state_of(d, [](auto& s) { s.epoch = UINT32_MAX; }); }, "damaged varve.state",
     "damaged varve.state", "damaged varve.state"},
    {"generation 0", [](const path& d) { state_of(d, [](auto& s) { s.generation = 0; }); }, "damaged varve.state",
     "damaged varve.state", "damaged varve.state"},
    {"generation 2^64 - 1", [](const path& d) { state_of(d, [](auto& s) { s.generation = UINT64_MAX; }); },
     "damaged varve.state"},
    {"one generation in both slots",
     [](const path& d) {
       const auto newer = read_sector<format::state>(d / format::state_name, 0);
       state_of(d, [&](auto& s) {
         const auto g = newer.generation;
         s.generation = g;
       });
     }},
    {"another inode", [](const path& d) { state_of(d, [](auto& s) { s.inode += 1; }); }},
    {"trimmed before 0", [](const path& d) { state_of(d, [](auto& s) { s.trim_point = 0; }); }, "damaged varve.state",
     "damaged varve.state", "damaged varve.state"},
    {"trimmed before 4", [](const path& d) { state_of(d, [](auto& s) { s.trim_point = 4; }); }, "<<<456789", "",
     "<<<456789"},
    {"trimmed before 5", [](const path& d) { state_of(d, [](auto& s) { s.trim_point = 5; }); }, "<<<<56789", "",
     "<<<<56789"},
    {"trimmed before the next", [](const path& d) { state_of(d, [](auto& s) { s.trim_point = 10; }); }, "<<<<<<<<<", "",
     "<<<<<<<<<"},
    {"trimmed before one that was never claimed", [](const path& d) { state_of(d, [](auto& s) { s.trim_point = 11; }); },
     "incomplete segment 3 sequence 10", "ZG", "<<<<<<<<<"},
    {"trimmed before 2^63 - 1", [](const path& d) { state_of(d, [](auto& s) { s.trim_point = format::sequence_max; }); },
     "incomplete segment 3 sequence 10 to 9223372036854775806", "ZG", "<<<<<<<<<"},
    {"trimmed before 2^63", [](const path& d) { state_of(d, [](auto& s) { s.trim_point = format::sequence_max + 1; }); },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"a floor that is too low", [](const path& d) { state_of(d, [](auto& s) { s.durable_floor = 0; }); }},
    {"a floor that was never claimed", [](const path& d) { state_of(d, [](auto& s) { s.durable_floor = 10; }); },
     "incomplete segment 3 sequence 10", "ZG"},
    {"floor 2^63 - 1", [](const path& d) { state_of(d, [](auto& s) { s.durable_floor = format::sequence_max; }); },
     "incomplete segment 3 sequence 10 to 9223372036854775807", "ZG"},
    {"floor 2^63", [](const path& d) { state_of(d, [](auto& s) { s.durable_floor = format::sequence_max + 1; }); },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"it ends in segment 0", [](const path& d) { state_of(d, [](auto& s) { s.clean_segment = 0; }); }, "incomplete", "Z"},
    {"it ends in segment 2", [](const path& d) { state_of(d, [](auto& s) { s.clean_segment = 2; }); },
     "incomplete segment 2", "Z"},
    {"it ends in segment 77", [](const path& d) { state_of(d, [](auto& s) { s.clean_segment = 77; }); },
     "incomplete segment 77", "Z"},
    {"it ends at offset 0", [](const path& d) { state_of(d, [](auto& s) { s.clean_offset = 0; }); }, "damaged segment 3",
     "sF", "123456!!!"},
    {"it ends at no whole word", [](const path& d) { state_of(d, [](auto& s) { s.clean_offset += 4; }); },
     "damaged segment 3", "s"},
    {"it ends in the last frame", [](const path& d) { state_of(d, [](auto& s) { s.clean_offset -= 8; }); }, "123456789", "F",
     "12345678!"},
    {"it ends behind the last frame", [](const path& d) { state_of(d, [](auto& s) { s.clean_offset += 8; }); }, "123456789",
     "", "123456789", false},
    {"it ends behind the capacity", [](const path& d) { state_of(d, [](auto& s) { s.clean_offset = 65'544; }); },
     "damaged segment 3", "s"},
    {"it ends at 2^64 - 8", [](const path& d) { state_of(d, [](auto& s) { s.clean_offset = ~std::uint64_t{7}; }); },
     "damaged segment 3", "s"},
    {"its next is 0", [](const path& d) { state_of(d, [](auto& s) { s.clean_next = 0; }); }, "damaged varve.state",
     "damaged varve.state", "damaged varve.state"},
    {"its next is 9", [](const path& d) { state_of(d, [](auto& s) { s.clean_next = 9; }); }, "incomplete segment 3", "ZG",
     "12345678!"},
    {"its next is 9, and its floor 8",
     [](const path& d) {
       state_of(d, [](auto& s) {
         s.clean_next = 9;
         s.durable_floor = 8;
       });
     },
     "incomplete segment 3", "ZG", "12345678!"},
    {"its next is 11", [](const path& d) { state_of(d, [](auto& s) { s.clean_next = 11; }); }, "123456789", "F", "123456789",
     false},
    {"its next is below the segment's base",
     [](const path& d) {
       state_of(d, [](auto& s) {
         s.clean_next = 5;
         s.durable_floor = 4;
       });
     },
     "damaged segment 3", "sG", "123456!!!"},
    {"its next is 2^63 - 1", [](const path& d) { state_of(d, [](auto& s) { s.clean_next = format::sequence_max; }); },
     "damaged segment 3", "sF"},
    {"its next is 2^63", [](const path& d) { state_of(d, [](auto& s) { s.clean_next = format::sequence_max + 1; }); },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"a truncation is under way in a log that is clean",
     [](const path& d) {
       state_of(d, [](auto& s) {
         s.condition = format::condition::clean;
         s.truncate_intent = 10;
       });
     },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"a truncation is under way below what is durable",
     [](const path& d) {
       state_of(d, [](auto& s) {
         s.condition = format::condition::open;
         s.durable_floor = s.truncate_intent = 5;
       });
     },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"a truncation behind the end is under way",
     [](const path& d) {
       state_of(d, [](auto& s) {
         s.condition = format::condition::open;
         s.truncate_intent = format::sequence_max;
       });
     },
     "123456789", ""},
    {"a truncation to 2^63",
     [](const path& d) { state_of(d, [](auto& s) { s.truncate_intent = format::sequence_max + 1; }); },
     "damaged varve.state", "damaged varve.state", "damaged varve.state"},
    {"its report is nonsense",
     [](const path& d) {
       state_of(d, [](auto& s) {
         s.report_kept = s.report_cut_bytes = ~0ULL;
         s.report_ending = 77;
         s.truncations = ~0U;
       });
     }},
    {"checkpoint and archive are nonsense",
     [](const path& d) { state_of(d, [](auto& s) { s.checkpoint = s.archived = ~0ULL; }); }},
    {"version 0", [](const path& d) { put_in_state(d, 8, 0, 4); }, "damaged varve.state", "damaged varve.state",
     "damaged varve.state"},
    {"version 3", [](const path& d) { put_in_state(d, 8, 3, 4); }, "newer_format", "newer_format", "newer_format"},
    {"one copy of version 3", [](const path& d) { put_in_sector(d / format::state_name, 0, 8, 3, 4); }, "newer_format",
     "newer_format", "newer_format"},
    {"the reserved word not zero", [](const path& d) { put_in_state(d, 12, 1, 4); }, "newer_format", "newer_format",
     "newer_format"},
    {"another magic", [](const path& d) { put_in_state(d, 0, 0, 8); }, "damaged varve.state", "damaged varve.state",
     "damaged varve.state"},
    {"both slots cut off", [](const path& d) { fs::resize_file(d / format::state_name, 100); }, "damaged varve.state",
     "damaged varve.state", "damaged varve.state"},
    {"all copies of one slot cut off", [](const path& d) { fs::resize_file(d / format::state_name, 4200); },
     "incomplete varve.state", "incomplete varve.state", "incomplete varve.state"},
    {"the last copy of one slot cut off", [](const path& d) { fs::resize_file(d / format::state_name, 12'288); }},
    {"not there", [](const path& d) { fs::remove(d / format::state_name); }, "incomplete varve.state",
     "incomplete varve.state", "incomplete varve.state"},
    {"longer, all 16 TiB of it sparse",
     [](const path& d) { fs::resize_file(d / format::state_name, (std::uint64_t{16} << 40) - 4096); }},
};

const directory_row live_rows[] = {
    {"a mark that was never claimed", [](const path& d) { marks_of(d, [](auto& m) { m.sequence = 10; }); },
     "incomplete segment 3 sequence 10", "ZG"},
    {"mark 2^63 - 1", [](const path& d) { marks_of(d, [](auto& m) { m.sequence = format::sequence_max; }); },
     "incomplete segment 3 sequence 10 to 9223372036854775807", "ZG"},
    {"mark 2^63", [](const path& d) { marks_of(d, [](auto& m) { m.sequence = format::sequence_max + 1; }); }},
    {"a mark of an earlier epoch",
     [](const path& d) {
       marks_of(d, [](auto& m) {
         m.sequence = 1000;
         m.epoch = 0;
       });
     }},
    {"a mark of a later epoch", [](const path& d) { marks_of(d, [](auto& m) { m.epoch = 2; }); }, "damaged varve.state",
     "s"},
    {"a mark of a later state", [](const path& d) { marks_of(d, [](auto& m) { m.generation = 100; }); },
     "damaged varve.state", "s"},
    {"a mark in the header", [](const path& d) { marks_of(d, [](auto& m) { m.offset = 8; }); }},
    {"a mark in the middle of a word", [](const path& d) { marks_of(d, [](auto& m) { m.offset += 4; }); }},
    {"a mark behind the capacity", [](const path& d) { marks_of(d, [](auto& m) { m.offset = 4ULL << 30; }); }},
    {"a mark in segment 77", [](const path& d) { marks_of(d, [](auto& m) { m.segment = 77; }); }},
    {"marks of version 3",
     [](const path& d) {
       for (const std::uint64_t s : format::mark_slot_offset) put_in_sector(d / format::live_name, s, 8, 3, 4);
     }},
    {"a writer's words that are nonsense",
     [](const path& d) {
       for (const unsigned at : {0U, 8U, 16U}) put_in_live(d, 1024 + at, ~0ULL);
     }},
    {"a wake page that is nonsense",
     [](const path& d) {
       put_in_live(d, 65536, ~0ULL);
       put_in_live(d, 65544, ~0ULL);
     }},
    {"ones", [](const path& d) { patch(d / format::live_name, 0, byte_vector(196'608, std::byte{0xff})); }},
    {"cut to its marks", [](const path& d) { fs::resize_file(d / format::live_name, 1024); }},
    {"cut to the writer's page", [](const path& d) { fs::resize_file(d / format::live_name, 65'536); }},
    {"cut in the wake page", [](const path& d) { fs::resize_file(d / format::live_name, 65'540); }},
    {"empty", [](const path& d) { fs::resize_file(d / format::live_name, 0); }},
    {"not there", [](const path& d) { fs::remove(d / format::live_name); }},
    {"longer, all 16 TiB of it sparse",
     [](const path& d) { fs::resize_file(d / format::live_name, (std::uint64_t{16} << 40) - 4096); }},
};

}  // namespace

TEST_CASE("a varve.meta that varve would not have written", "[hostile][G5][G7]") { check_rows(meta_rows); }
TEST_CASE("a varve.state that varve would not have written", "[hostile][G5][G7]") { check_rows(state_rows); }
TEST_CASE("a varve.live that varve would not have written, of a log that was closed", "[hostile][G5][G7]") {
  check_rows(live_rows);
}

}  // namespace varve::testing
