// SPDX-License-Identifier: MIT
//
// What the sectors of a segment's header may say that varve would not have written, their checksums repaired.
#include "hostile/spoiled_directory.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

template <class Change>
void identity_of(const fs::path& dir, std::uint64_t number, Change change) {
  edit_sector<format::identity>(segment_path(dir, number), format::identity_offset, change);
}
template <class Change>
void activation_of(const fs::path& dir, std::uint64_t number, Change change) {
  edit_sector<format::activation>(segment_path(dir, number), format::activation_offset, change);
}
template <class Change>
void end_of(const fs::path& dir, std::uint64_t number, Change change) {
  edit_sector<format::end>(segment_path(dir, number), format::end_offset, change);
}
template <class Change>
void seal_of(const fs::path& dir, std::uint64_t number, Change change) {
  edit_sector<format::seal>(segment_path(dir, number), format::seal_offset, change);
}
void put_in_identity(const fs::path& dir, std::size_t at, std::uint64_t value, std::size_t size) {
  put_in_sector(segment_path(dir, 2), format::identity_offset, at, value, size);
}
void put_in_activation(const fs::path& dir, std::size_t at, std::uint64_t value, std::size_t size) {
  put_in_sector(segment_path(dir, 2), format::activation_offset, at, value, size);
}

using path = fs::path;
constexpr std::uint64_t frames_of_three = 4096 + 3 * 19'032;

const directory_row identity_rows[] = {
    {"of another log", [](const path& d) { identity_of(d, 2, [](auto& i) { i.log[0] ^= std::byte{1}; }); },
     "damaged segment 2", "XZG", "123!!!789"},
    {"of log zero", [](const path& d) { identity_of(d, 2, [](auto& i) { i.log = {}; }); }, "damaged segment 2", "XZG",
     "123!!!789"},
    {"number 0", [](const path& d) { identity_of(d, 2, [](auto& i) { i.number = 0; }); }, "damaged segment 2", "XZG",
     "123!!!789"},
    {"number of another segment", [](const path& d) { identity_of(d, 2, [](auto& i) { i.number = 3; }); },
     "damaged segment 2", "XZG", "123!!!789"},
    {"number 2^64 - 1", [](const path& d) { identity_of(d, 2, [](auto& i) { i.number = ~0ULL; }); }, "damaged segment 2",
     "XZG", "123!!!789"},
    {"file of 0 bytes", [](const path& d) { identity_of(d, 2, [](auto& i) { i.file_bytes = 0; }); }, "damaged segment 2",
     "YZZG"},
    {"file of one unit more", [](const path& d) { identity_of(d, 2, [](auto& i) { i.file_bytes *= 2; }); },
     "damaged segment 2", "Y"},
    {"file of no whole unit", [](const path& d) { identity_of(d, 2, [](auto& i) { i.file_bytes -= 8; }); },
     "damaged segment 2", "YZZG"},
    {"file of 4 GiB and a unit",
     [](const path& d) { identity_of(d, 2, [](auto& i) { i.file_bytes = (4ULL << 30) + 65536; }); }, "damaged segment 2",
     "YZZG"},
    {"file of 2^64 - 64 KiB", [](const path& d) { identity_of(d, 2, [](auto& i) { i.file_bytes = ~0ULL - 65535; }); },
     "damaged segment 2", "YZZG"},
    {"file and capacity of 4 GiB",
     [](const path& d) { identity_of(d, 2, [](auto& i) { i.file_bytes = i.capacity = 4ULL << 30; }); }, "damaged segment 2",
     "Y"},
    {"capacity 0", [](const path& d) { identity_of(d, 2, [](auto& i) { i.capacity = 0; }); }, "damaged segment 2", "YZZG"},
    {"capacity 4088", [](const path& d) { identity_of(d, 2, [](auto& i) { i.capacity = 4088; }); }, "damaged segment 2",
     "YZZG"},
    {"capacity of the header alone", [](const path& d) { identity_of(d, 2, [](auto& i) { i.capacity = 4096; }); },
     "123!!!789", "F", "123!!!789"},
    {"capacity 65532", [](const path& d) { identity_of(d, 2, [](auto& i) { i.capacity = 65532; }); }, "damaged segment 2",
     "YZZG"},
    {"capacity behind the file", [](const path& d) { identity_of(d, 2, [](auto& i) { i.capacity += 8; }); },
     "damaged segment 2", "YZZG"},
    {"capacity 2^64 - 8", [](const path& d) { identity_of(d, 2, [](auto& i) { i.capacity = ~7ULL; }); }, "damaged segment 2",
     "YZZG"},
    {"capacity that ends in the last frame",
     [](const path& d) { identity_of(d, 2, [](auto& i) { i.capacity = frames_of_three - 8; }); }, "12345!789", "F",
     "12345!789"},
    {"capacity of just the frames", [](const path& d) { identity_of(d, 2, [](auto& i) { i.capacity = frames_of_three; }); }},
    {"alignment 16", [](const path& d) { identity_of(d, 2, [](auto& i) { i.frame_alignment_log2 = 4; }); },
     "damaged segment 2", "YZZG"},
    {"alignment 2^255", [](const path& d) { identity_of(d, 2, [](auto& i) { i.frame_alignment_log2 = 255; }); },
     "damaged segment 2", "YZZG"},
    {"checksum kind 0", [](const path& d) { identity_of(d, 2, [](auto& i) { i.checksum_kind = 0; }); }, "damaged segment 2",
     "YZZG"},
    {"checksum kind 6", [](const path& d) { identity_of(d, 2, [](auto& i) { i.checksum_kind = 6; }); }, "damaged segment 2",
     "YZZG"},
    {"another checksum than the log's", [](const path& d) { identity_of(d, 2, [](auto& i) { i.checksum_kind = 5; }); },
     "damaged segment 2", "Y"},
    {"stride 0", [](const path& d) { identity_of(d, 2, [](auto& i) { i.index_stride_bytes = 0; }); }, "damaged segment 2",
     "YZZG"},
    {"stride 2^31", [](const path& d) { identity_of(d, 2, [](auto& i) { i.index_stride_bytes = 1U << 31; }); },
     "damaged segment 2", "YZZG"},
    {"another stride than the log's",
     [](const path& d) { identity_of(d, 2, [](auto& i) { i.index_stride_bytes = 4096; }); }},
    {"255 bytes of version information",
     [](const path& d) {
       identity_of(d, 2, [](auto& i) {
         i.version_info_bytes = 255;
         i.version_info.fill('\n');
       });
     }},
    {"a compatible feature", [](const path& d) { identity_of(d, 2, [](auto& i) { i.features.compatible = ~0U; }); }},
    {"a read-only compatible feature",
     [](const path& d) { identity_of(d, 2, [](auto& i) { i.features.read_only_compatible = 1; }); },
     "newer_format segment 2"},
    {"an incompatible feature", [](const path& d) { identity_of(d, 2, [](auto& i) { i.features.incompatible = 1; }); },
     "newer_format segment 2", "newer_format segment 2", "newer_format segment 2"},
    {"version 0", [](const path& d) { put_in_identity(d, 8, 0, 4); }, "damaged segment 2", "YZZG"},
    {"version 3", [](const path& d) { put_in_identity(d, 8, 3, 4); }, "newer_format segment 2", "newer_format segment 2",
     "newer_format segment 2"},
    {"version 2^32 - 1", [](const path& d) { put_in_identity(d, 8, ~0U, 4); }, "newer_format segment 2",
     "newer_format segment 2", "newer_format segment 2"},
    {"the reserved word not zero", [](const path& d) { put_in_identity(d, 12, 1, 4); }, "newer_format segment 2",
     "newer_format segment 2", "newer_format segment 2"},
    {"another magic", [](const path& d) { put_in_identity(d, 0, 0, 8); }, "damaged segment 2", "YZZG"},
    {"reserved fields not zero", [](const path& d) { put_in_identity(d, 400, ~0ULL, 8); }},
};

const directory_row activation_rows[] = {
    {"base 0", [](const path& d) { activation_of(d, 2, [](auto& a) { a.base = 0; }); }, "damaged segment 2", "YZG"},
    {"base one less", [](const path& d) { activation_of(d, 2, [](auto& a) { a.base = 3; }); }, "12!!56789", "F",
     "12!!56789"},
    {"base one more", [](const path& d) { activation_of(d, 2, [](auto& a) { a.base = 5; }); }, "123!!6789", "FF",
     "123!!6789"},
    {"base of the one before", [](const path& d) { activation_of(d, 2, [](auto& a) { a.base = 1; }); },
     "incomplete segment 1 sequence 1 to 4", "ZF", "!!!!56789"},
    {"base of the one behind", [](const path& d) { activation_of(d, 2, [](auto& a) { a.base = 7; }); }, "123!!!789", "F",
     "123!!!789"},
    {"base 2^63 - 1", [](const path& d) { activation_of(d, 2, [](auto& a) { a.base = format::sequence_max; }); },
     "incomplete segment 3 sequence 4 to 9223372036854775806", "ZF", "123!!!789"},
    {"base 2^63", [](const path& d) { activation_of(d, 2, [](auto& a) { a.base = format::sequence_max + 1; }); },
     "damaged segment 2", "YZG"},
    {"base 2^64 - 1", [](const path& d) { activation_of(d, 2, [](auto& a) { a.base = ~0ULL; }); }, "damaged segment 2",
     "YZG"},
    {"another salt", [](const path& d) { activation_of(d, 2, [](auto& a) { a.salt ^= 2; }); },
     "incomplete segment 3 sequence 4 to 6", "ZFF", "123!!!789"},
    {"a salt without its top bit",
     [](const path& d) { activation_of(d, 2, [](auto& a) { a.salt &= ~format::salt_top_bit; }); }, "damaged segment 2",
     "YZG"},
    {"salt 0", [](const path& d) { activation_of(d, 2, [](auto& a) { a.salt = 0; }); }, "damaged segment 2", "YZG"},
    {"epoch 0", [](const path& d) { activation_of(d, 2, [](auto& a) { a.epoch = 0; }); }, "damaged segment 2", "YZG"},
    {"epoch 2^64 - 1", [](const path& d) { activation_of(d, 2, [](auto& a) { a.epoch = ~0ULL; }); }, "damaged varve.state",
     "s"},
    {"no predecessor", [](const path& d) { activation_of(d, 2, [](auto& a) { a.predecessor = a.predecessor_salt = 0; }); },
     "incomplete segment 2", "ZZG"},
    {"no predecessor, but its salt", [](const path& d) { activation_of(d, 2, [](auto& a) { a.predecessor = 0; }); },
     "damaged segment 2", "YZG"},
    {"a predecessor without a salt", [](const path& d) { activation_of(d, 2, [](auto& a) { a.predecessor_salt = 0; }); },
     "damaged segment 2", "YZG"},
    {"another predecessor", [](const path& d) { activation_of(d, 2, [](auto& a) { a.predecessor = 77; }); },
     "incomplete segment 2", "ZZG"},
    {"the predecessor in another use", [](const path& d) { activation_of(d, 2, [](auto& a) { a.predecessor_salt ^= 2; }); },
     "incomplete segment 2", "ZZG"},
    {"its own predecessor",
     [](const path& d) {
       activation_of(d, 2, [](auto& a) {
         a.predecessor = 2;
         a.predecessor_salt = a.salt;
       });
     },
     "incomplete segment 2", "ZZG"},
    {"its successor's successor",
     [](const path& d) {
       const auto last = read_sector<format::activation>(segment_path(d, 3), format::activation_offset);
       activation_of(d, 2, [&](auto& a) {
         a.predecessor = 3;
         a.predecessor_salt = last.salt;
         a.base = 10;
       });
     },
     "incomplete segment 2 sequence 4 to 6", "ZZG", "123!!!789"},
    {"a ring of two with one base",
     [](const path& d) {
       const auto last = read_sector<format::activation>(segment_path(d, 3), format::activation_offset);
       activation_of(d, 2, [&](auto& a) {
         a.predecessor = 3;
         a.predecessor_salt = last.salt;
       });
       activation_of(d, 3, [](auto& a) { a.base = 4; });
     },
     "incomplete segment 2 sequence 4 to 7", "ZZG", "123!!!!89"},
    {"version 0", [](const path& d) { put_in_activation(d, 8, 0, 4); }, "damaged segment 2", "YZG"},
    {"version 3", [](const path& d) { put_in_activation(d, 8, 3, 4); }, "newer_format segment 2", "newer_format segment 2",
     "newer_format segment 2"},
    {"the reserved word not zero", [](const path& d) { put_in_activation(d, 12, 1, 4); }, "newer_format segment 2",
     "newer_format segment 2", "newer_format segment 2"},
    {"another magic", [](const path& d) { put_in_activation(d, 0, 0, 8); }, "damaged segment 2", "YZG"},
    {"the first one gone", [](const path& d) { patch(segment_path(d, 1), format::activation_offset, byte_vector(512)); },
     "incomplete segment 2 sequence 1 to 3", "ZZZ"},
    {"the last one gone", [](const path& d) { patch(segment_path(d, 3), format::activation_offset, byte_vector(512)); },
     "incomplete segment 3 sequence 7 to 9", "ZG"},
};

const directory_row end_rows[] = {
    {"end: another salt", [](const path& d) { end_of(d, 2, [](auto& e) { e.salt ^= 2; }); }},
    {"end: offset 0", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset = 0; }); }},
    {"end: offset in the header", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset = 4088; }); }},
    {"end: offset of the header's end", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset = 4096; }); }},
    {"end: offset in the last frame", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset -= 8; }); }, "12345!789", "F",
     "12345!789"},
    {"end: offset before the last frame", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset -= 19'032; }); },
     "12345!789", "F", "12345!789"},
    {"end: offset of no whole word", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset += 4; }); }},
    {"end: offset behind the last frame", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset += 64; }); }},
    {"end: offset of the capacity", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset = 65536; }); }},
    {"end: offset behind the capacity", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset = 65544; }); }},
    {"end: offset 2^64 - 8", [](const path& d) { end_of(d, 2, [](auto& e) { e.offset = ~7ULL; }); }},
    {"end: last sequence below the base", [](const path& d) { end_of(d, 2, [](auto& e) { e.last = 3; }); }},
    {"end: last sequence one less", [](const path& d) { end_of(d, 2, [](auto& e) { e.last = 5; }); }},
    {"end: last sequence one more", [](const path& d) { end_of(d, 2, [](auto& e) { e.last = 7; }); }},
    {"end: more frames than fit", [](const path& d) { end_of(d, 2, [](auto& e) { e.last = 4 + 3 * 19'032 / 24; }); }},
    {"end: last sequence 2^63", [](const path& d) { end_of(d, 2, [](auto& e) { e.last = format::sequence_max + 1; }); }},
    {"end: cause 0", [](const path& d) { end_of(d, 2, [](auto& e) { e.cause = format::end_cause{0}; }); }},
    {"end: cause 4", [](const path& d) { end_of(d, 2, [](auto& e) { e.cause = format::end_cause{4}; }); }},
    {"end: another successor", [](const path& d) { end_of(d, 2, [](auto& e) { e.successor = 77; }); }},
    {"end: version 3", [](const path& d) { put_in_sector(segment_path(d, 2), format::end_offset, 8, 3, 4); },
     "newer_format segment 2", "newer_format segment 2", "newer_format segment 2"},
    {"seal: another salt", [](const path& d) { seal_of(d, 2, [](auto& s) { s.salt ^= 2; }); }},
    {"seal: another offset", [](const path& d) { seal_of(d, 2, [](auto& s) { s.offset += 8; }); }},
    {"seal: another last sequence", [](const path& d) { seal_of(d, 2, [](auto& s) { s.last += 1; }); }},
    {"seal: frames, times and digest",
     [](const path& d) { seal_of(d, 2, [](auto& s) { s.frames = s.time_first_ns = s.digest = ~0ULL; }); }},
    {"seal: version 3", [](const path& d) { put_in_sector(segment_path(d, 2), format::seal_offset, 8, 3, 4); },
     "newer_format segment 2", "newer_format segment 2", "newer_format segment 2"},
    {"end and seal agree on one frame less",
     [](const path& d) {
       end_of(d, 2, [](auto& e) {
         e.last = 5;
         e.offset -= 19'032;
       });
       seal_of(d, 2, [](auto& s) {
         s.last = 5;
         s.offset -= 19'032;
       });
     }},
    {"end and seal agree on one frame more",
     [](const path& d) {
       end_of(d, 2, [](auto& e) {
         e.last = 7;
         e.offset += 64;
       });
       seal_of(d, 2, [](auto& s) {
         s.last = 7;
         s.offset += 64;
       });
     }},
    {"end and seal in the last segment, one frame less",
     [](const path& d) {
       const auto a = read_sector<format::activation>(segment_path(d, 3), format::activation_offset);
       write_sector(segment_path(d, 3), format::end_offset,
                    format::end{.salt = a.salt, .offset = 4096 + 2 * 19'032, .last = 8});
       write_sector(segment_path(d, 3), format::seal_offset,
                    format::seal{.salt = a.salt, .offset = 4096 + 2 * 19'032, .last = 8});
     }},
    {"a seal in the last segment, of sequences that nobody claimed",
     [](const path& d) {
       const auto a = read_sector<format::activation>(segment_path(d, 3), format::activation_offset);
       write_sector(segment_path(d, 3), format::seal_offset, format::seal{.salt = a.salt, .offset = 65536, .last = 2000});
     },
     "incomplete segment 3 sequence 10 to 2000", "ZG"},
};

}  // namespace

TEST_CASE("an identity that varve would not have written", "[hostile][G5][G7]") { check_rows(identity_rows); }
TEST_CASE("an activation that varve would not have written", "[hostile][G5][G7]") { check_rows(activation_rows); }
TEST_CASE("an end or a seal that varve would not have written", "[hostile][G5][G7]") { check_rows(end_rows); }

TEST_CASE("an end that contradicts the next segment is not sealed by whoever opens the log", "[hostile][G5]") {
  const temp_dir dir;
  const log_options small{.segment_bytes = 64 * 1024};
  die_with(dir.path(), small, [](log& l) {
    for (int i = 0; i < 8; ++i) must(l.append(std::string(19'000, 'x')).has_value());
    must(l.sync().has_value());
  });
  end_of(dir.path(), 2, [](auto& e) { e.last += 30; });
  patch(segment_path(dir.path(), 2), format::seal_offset, byte_vector(format::sector_bytes));
  for (int opens = 0; opens < 3; ++opens) die_with(dir.path(), small, [](log& l) { append_all(l, "y"); });
  const auto l = log::open(dir.path(), small);
  REQUIRE(l);
  CHECK(l->published_sequence() == sequence{11});
  CHECK(l->read({9})->text() == "y");
}

}  // namespace varve::testing
