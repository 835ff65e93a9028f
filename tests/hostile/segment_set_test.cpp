// SPDX-License-Identifier: MIT
//
// Segment files that are missing, foreign, renamed, there twice, too many, too short or too long.
#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "format/file_name.hpp"
#include "hostile/spoiled_directory.hpp"

namespace varve::testing {
namespace {

using path = fs::path;

/// A copy of segment file `from` under the number `to`, which says so itself.
void copy_as(const path& dir, std::uint64_t from, std::uint64_t to) {
  fs::copy_file(segment_path(dir, from), segment_path(dir, to));
  edit_sector<format::identity>(segment_path(dir, to), format::identity_offset, [to](auto& i) { i.number = to; });
}
template <class Change>
void copy_as(const path& dir, std::uint64_t from, std::uint64_t to, Change change) {
  copy_as(dir, from, to);
  edit_sector<format::activation>(segment_path(dir, to), format::activation_offset, change);
}
/// One that was prepared, and never begun.
void prepare(const path& dir, std::uint64_t number) {
  copy_as(dir, 1, number);
  patch(segment_path(dir, number), format::activation_offset, byte_vector(3 * 512));
}
std::uint64_t salt_of(const path& dir, std::uint64_t number) {
  return read_sector<format::activation>(segment_path(dir, number), format::activation_offset).salt;
}
void take_from_another_log(const path& dir, std::uint64_t number) {
  const nine_records other;
  fs::copy_file(segment_path(other.dir, number), segment_path(dir, number), fs::copy_options::overwrite_existing);
}
void swap_names(const path& dir, std::uint64_t a, std::uint64_t b) {
  fs::rename(segment_path(dir, a), dir / "between");
  fs::rename(segment_path(dir, b), segment_path(dir, a));
  fs::rename(dir / "between", segment_path(dir, b));
}
void resize(const path& dir, std::uint64_t number, std::uint64_t bytes) {
  fs::resize_file(segment_path(dir, number), bytes);
}

const directory_row missing_rows[] = {
    {"the first is missing", [](const path& d) { fs::remove(segment_path(d, 1)); }, "incomplete segment 2 sequence 1 to 3",
     "ZZZ", "!!!456789"},
    {"the one in the middle is missing", [](const path& d) { fs::remove(segment_path(d, 2)); },
     "incomplete segment 3 sequence 4 to 6", "ZG", "123!!!789"},
    {"the last is missing", [](const path& d) { fs::remove(segment_path(d, 3)); }, "incomplete segment 3 sequence 7 to 9",
     "ZG", "123456!!!"},
    {"two are missing",
     [](const path& d) {
       fs::remove(segment_path(d, 1));
       fs::remove(segment_path(d, 2));
     },
     "incomplete segment 3 sequence 1 to 6", "ZZ", "!!!!!!789"},
    {"all are missing",
     [](const path& d) {
       for (const auto n : {1U, 2U, 3U}) fs::remove(segment_path(d, n));
     },
     "incomplete sequence 1 to 9", "Z", "!!!!!!!!!"},
    {"one has the ending of an index", [](const path& d) { fs::rename(segment_path(d, 2), d / "00000000000000000002.idx"); },
     "incomplete segment 3 sequence 4 to 6", "ZG", "123!!!789"},
    {"one has 19 digits", [](const path& d) { fs::rename(segment_path(d, 2), d / "0000000000000000002.seg"); },
     "incomplete segment 3 sequence 4 to 6", "ZG", "123!!!789"},
};

const directory_row renamed_rows[] = {
    {"two have each other's names", [](const path& d) { swap_names(d, 1, 2); }, "damaged segment 1", "XXZZ", "!!!!!!789"},
    {"two have each other's names and numbers",
     [](const path& d) {
       swap_names(d, 1, 2);
       for (const std::uint64_t n : {1, 2})
         edit_sector<format::identity>(segment_path(d, n), 0, [n](auto& i) { i.number = n; });
     },
     "incomplete segment 1 sequence 4 to 6", "ZZG"},
    {"the first is called 77", [](const path& d) { fs::rename(segment_path(d, 1), segment_path(d, 77)); },
     "damaged segment 77", "ZZXZ", "!!!456789"},
    {"the second is called 77", [](const path& d) { fs::rename(segment_path(d, 2), segment_path(d, 77)); },
     "damaged segment 77", "ZXG", "123!!!789"},
    {"the second is 77, and says so",
     [](const path& d) {
       copy_as(d, 2, 77);
       fs::remove(segment_path(d, 2));
     },
     "incomplete segment 3 sequence 7 to 9", "ZG"},
    {"the last is 77, and says so",
     [](const path& d) {
       copy_as(d, 3, 77);
       fs::remove(segment_path(d, 3));
     },
     "incomplete segment 3", "Z"},
    {"the last is 2^64 - 1, and says so",
     [](const path& d) {
       copy_as(d, 3, UINT64_MAX);
       fs::remove(segment_path(d, 3));
     },
     "incomplete segment 3", "Z"},
    {"the second of another log of the same making", [](const path& d) { take_from_another_log(d, 2); }, "damaged segment 2",
     "XZG", "123!!!789"},
    {"all of another log of the same making",
     [](const path& d) {
       for (const auto n : {1U, 2U, 3U}) take_from_another_log(d, n);
     },
     "damaged segment 1", "XXXZ", "!!!!!!!!!"},
    {"the second overwritten by the first",
     [](const path& d) {
       fs::remove(segment_path(d, 2));
       copy_as(d, 1, 2);
     },
     "incomplete segment 1 sequence 4 to 6", "ZZG", "123!!!789"},
    {"all of it another file's bytes",
     [](const path& d) { patch(segment_path(d, 2), 0, byte_vector(65536, std::byte{'x'})); }, "damaged segment 2", "YZG",
     "123!!!789"},
};

const directory_row added_rows[] = {
    {"the second again, as 77", [](const path& d) { fs::copy_file(segment_path(d, 2), segment_path(d, 77)); },
     "damaged segment 77", "X"},
    {"the second again, and it says 77", [](const path& d) { copy_as(d, 2, 77); }, "incomplete segment 2 sequence 7 to 9",
     "ZZG"},
    {"the last again, and it says 77", [](const path& d) { copy_as(d, 3, 77); }, "incomplete segment 3", "Z"},
    {"one of another log, as 77",
     [](const path& d) {
       const nine_records o;
       fs::copy_file(segment_path(o.dir, 3), segment_path(d, 77));
     },
     "damaged segment 77", "X"},
    {"from the future, after nobody",
     [](const path& d) {
       copy_as(d, 3, 77, [](auto& a) {
         a.base = 1000;
         a.predecessor = 50;
       });
     },
     "incomplete segment 77 sequence 10 to 999", "Z"},
    {"from the past, after nobody",
     [](const path& d) {
       copy_as(d, 3, 77, [](auto& a) {
         a.base = 2;
         a.predecessor = 50;
       });
     },
     "incomplete segment 77", "Z"},
    {"one that follows, without frames",
     [](const path& d) {
       copy_as(d, 3, 4, [&](auto& a) {
         a.base = 10;
         a.predecessor = 3;
         a.predecessor_salt = salt_of(d, 3);
         a.salt ^= 2;
       });
     },
     "incomplete segment 3 sequence 10", "Z"},
    {"one that follows behind a gap",
     [](const path& d) {
       copy_as(d, 3, 4, [&](auto& a) {
         a.base = 20;
         a.predecessor = 3;
         a.predecessor_salt = salt_of(d, 3);
       });
     },
     "incomplete segment 3 sequence 10 to 19", "ZZ"},
    {"another that follows the first", [](const path& d) { copy_as(d, 2, 4, [](auto& a) { a.salt ^= 2; }); },
     "incomplete segment 2 sequence 4 to 9", "ZZFF"},
    {"another that comes first", [](const path& d) { copy_as(d, 1, 4, [](auto& a) { a.salt ^= 2; }); },
     "incomplete segment 1 sequence 1 to 9", "ZZZF"},
    {"a prepared one", [](const path& d) { prepare(d, 4); }},
    {"a prepared one with the highest number there can be", [](const path& d) { prepare(d, UINT64_MAX); }},
    {"a prepared one, renamed to that",
     [](const path& d) {
       prepare(d, 4);
       fs::rename(segment_path(d, 4), segment_path(d, UINT64_MAX));
     }},
    {"an empty one with that number", [](const path& d) { write_new_file(segment_path(d, UINT64_MAX), ""); }},
    {"an empty one with the next number", [](const path& d) { write_new_file(segment_path(d, 4), ""); }},
    {"one byte with the next number", [](const path& d) { write_new_file(segment_path(d, 4), "x"); }},
    {"a text with the next number", [](const path& d) { write_new_file(segment_path(d, 4), std::string(5000, 'x')); },
     "damaged segment 4", "Y"},
};

const directory_row size_rows[] = {
    {"cut to 0 bytes", [](const path& d) { resize(d, 2, 0); }, "incomplete segment 3 sequence 4 to 6", "ZG", "123!!!789"},
    {"cut to 511 bytes", [](const path& d) { resize(d, 2, 511); }, "incomplete segment 3 sequence 4 to 6", "ZG",
     "123!!!789"},
    {"cut to its identity", [](const path& d) { resize(d, 2, 512); }, "incomplete segment 3 sequence 4 to 6", "ZG",
     "123!!!789"},
    {"cut to its identity and activation", [](const path& d) { resize(d, 2, 1024); }, "damaged segment 2", "Y", "123!!!789"},
    {"cut to its header", [](const path& d) { resize(d, 2, 4096); }, "damaged segment 2", "Y", "123!!!789"},
    {"cut in its first frame", [](const path& d) { resize(d, 2, 9000); }, "damaged segment 2", "Y", "123!!!789"},
    {"cut behind its frames", [](const path& d) { resize(d, 2, 65'000); }, "damaged segment 2", "Y"},
    {"cut by a byte", [](const path& d) { resize(d, 2, 65'535); }, "damaged segment 2", "Y"},
    {"the last cut behind its frames", [](const path& d) { resize(d, 3, 65'000); }, "damaged segment 3", "Y"},
    {"longer by a byte", [](const path& d) { resize(d, 2, 65'537); }},
    {"longer, all 16 TiB of it sparse", [](const path& d) { resize(d, 2, (std::uint64_t{16} << 40) - 4096); }},
    {"the last longer, likewise", [](const path& d) { resize(d, 3, (std::uint64_t{16} << 40) - 4096); }},
    {"a sparse one of 16 TiB with the next number",
     [](const path& d) {
       write_new_file(segment_path(d, 4), "");
       resize(d, 4, (std::uint64_t{16} << 40) - 4096);
     }},
};

}  // namespace

TEST_CASE("segment files that are missing", "[hostile][G3][G5]") { check_rows(missing_rows); }
TEST_CASE("segment files under other names, and others under theirs", "[hostile][G5][G7]") { check_rows(renamed_rows); }
TEST_CASE("segment files that are too many", "[hostile][G5][G7]") { check_rows(added_rows); }
TEST_CASE("a file under a segment's name that is not the log's is left alone; what was made ready for the log goes",
          "[hostile][G5][G7]") {
  const nine_records log;
  const auto& dir = log.dir;
  const std::pair<std::uint64_t, std::string> others[] = {{4, "x"}, {77, "mine"}, {78, std::string(800, 'x')}};
  for (const auto& [number, text] : others) write_new_file(segment_path(dir, number), text);
  prepare(dir, 80);
  write_new_file(segment_path(dir, 81), "");
  write_new_file(segment_path(dir, 82), std::string(65'536, '\0'));
  check_row({"all of them", nullptr}, dir);
  for (const auto& [number, text] : others) {
    CAPTURE(number);
    REQUIRE(fs::exists(segment_path(dir, number)));
    CHECK(std::ranges::equal(read_file(segment_path(dir, number)), std::as_bytes(std::span{text})));
  }
  for (const std::uint64_t number : {80U, 81U, 82U}) {
    CAPTURE(number);
    CHECK_FALSE(fs::exists(segment_path(dir, number)));
  }
}
TEST_CASE("segment files of another size", "[hostile][G5][G7]") { check_rows(size_rows); }

}  // namespace varve::testing
