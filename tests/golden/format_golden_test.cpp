// SPDX-License-Identifier: MIT
//
// format_golden_test.cpp - the bytes of every structure, written down here and in docs/format.md. A change of the format
// fails here, and so becomes a decision.
//
// After a wanted change: raise the version or a feature bit, run the test executable with the filter "[print]", which prints
// all texts of this file and the example of the document, put them in place, and say it in CHANGELOG.md.
#include <cctype>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <tuple>

#include "base/checksum.hpp"
#include "format/file_name.hpp"
#include "format/index.hpp"
#include "format/live.hpp"
#include "format/meta.hpp"
#include "format/state.hpp"
#include "golden/example_segment.hpp"
#include "support/catch.hpp"

namespace {

using namespace varve::format;
using varve::checksum;
using varve::testing::dump;
using varve::testing::example_segment;
using varve::testing::frame_parts;

uuid uuid_from(unsigned first) {
  uuid id{};
  for (unsigned i = 0; i < id.size(); ++i) id[i] = static_cast<std::byte>(first + i);
  return id;
}

// ---- Golden bytes: words of 8 bytes at their offsets; all others are zero.

struct golden {
  const char* name;
  std::function<std::string()> actual;
  std::string_view expected;
};

std::string frame_text(const frame_parts& parts) { return dump(varve::testing::build(parts)); }

const golden goldens[] = {
    {"meta",
     [] {
       return dump(encode(meta{.log = uuid_from(0xa0),
                               .features = {.compatible = 1, .read_only_compatible = 2, .incompatible = 3},
                               .checksum_kind = 4,
                               .frame_alignment_log2 = 3,
                               .times = 1,
                               .kind = directory_kind::archive,
                               .segment_bytes = segment_bytes_default,
                               .index_stride_bytes = 4096,
                               .created_ns = example_segment::time_ns}));
     },
     R"(
00000  56 41 52 56 4d 45 54 41
00008  02 00 00 00 00 00 00 00
00010  a0 a1 a2 a3 a4 a5 a6 a7
00018  a8 a9 aa ab ac ad ae af
00020  01 00 00 00 02 00 00 00
00028  03 00 00 00 04 03 01 01
00030  00 00 00 04 00 00 00 00
00038  00 10 00 00 00 00 00 00
00040  00 00 2a 36 fe 9c 97 17
001f8  85 58 2b 5c 38 8b 02 4d
)"},
    {"state",
     [] {
       return dump(encode(state{.generation = 1,
                                .epoch = 2,
                                .condition = condition::clean,
                                .boot = uuid_from(0xb0),
                                .inode = 3,
                                .birth_ns = 4,
                                .trim_point = 5,
                                .durable_floor = 6,
                                .clean_segment = 7,
                                .clean_offset = 8,
                                .clean_next = 9,
                                .truncate_intent = 10,
                                .checkpoint = 11,
                                .archived = 12,
                                .report_kept = 13,
                                .report_cut_bytes = 14,
                                .report_cut_records = 15,
                                .report_stepped_over = 16,
                                .report_ending = 17,
                                .truncations = 18,
                                .report_given_up = 19,
                                .device = 20}));
     },
     R"(
00000  56 41 52 56 53 54 41 54
00008  02 00 00 00 00 00 00 00
00010  01 00 00 00 00 00 00 00
00018  02 00 00 00 02 00 00 00
00020  b0 b1 b2 b3 b4 b5 b6 b7
00028  b8 b9 ba bb bc bd be bf
00030  03 00 00 00 00 00 00 00
00038  04 00 00 00 00 00 00 00
00040  05 00 00 00 00 00 00 00
00048  06 00 00 00 00 00 00 00
00050  07 00 00 00 00 00 00 00
00058  08 00 00 00 00 00 00 00
00060  09 00 00 00 00 00 00 00
00068  0a 00 00 00 00 00 00 00
00070  0b 00 00 00 00 00 00 00
00078  0c 00 00 00 00 00 00 00
00080  0d 00 00 00 00 00 00 00
00088  0e 00 00 00 00 00 00 00
00090  0f 00 00 00 00 00 00 00
00098  10 00 00 00 00 00 00 00
000a0  11 00 00 00 12 00 00 00
000a8  13 00 00 00 00 00 00 00
000b0  14 00 00 00 00 00 00 00
001f8  b1 a7 86 c8 94 76 5e 17
)"},
    {"mark", [] { return dump(encode(mark{.epoch = 1, .segment = 2, .offset = 4128, .sequence = 3, .generation = 4})); },
     R"(
00000  56 41 52 56 4d 41 52 4b
00008  02 00 00 00 00 00 00 00
00010  01 00 00 00 00 00 00 00
00018  02 00 00 00 00 00 00 00
00020  20 10 00 00 00 00 00 00
00028  03 00 00 00 00 00 00 00
00030  04 00 00 00 00 00 00 00
001f8  b2 44 38 72 fd d6 93 5b
)"},
    {"seal",
     [] {
       seal s{.salt = example_segment::salt,
              .offset = 4128,
              .last = 1000,
              .frames = 1,
              .time_first_ns = 2,
              .time_last_ns = 3,
              .digest = 4};
       s.hash_chain.fill(std::byte{0xcc});
       return dump(encode(s));
     },
     R"(
00000  56 41 52 56 53 45 41 4c
00008  02 00 00 00 00 00 00 00
00010  80 b6 d4 12 7e 5a 3f 9c
00018  20 10 00 00 00 00 00 00
00020  e8 03 00 00 00 00 00 00
00028  01 00 00 00 00 00 00 00
00030  02 00 00 00 00 00 00 00
00038  03 00 00 00 00 00 00 00
00040  04 00 00 00 00 00 00 00
00048  cc cc cc cc cc cc cc cc
00050  cc cc cc cc cc cc cc cc
00058  cc cc cc cc cc cc cc cc
00060  cc cc cc cc cc cc cc cc
001f8  5c 8f 89 cf 19 0c 3d cc
)"},
    {"index header",
     [] { return dump(encode(index_header{.log = uuid_from(0xa0), .number = 7, .slots = 16, .stride_bytes = 4096})); },
     R"(
00000  56 41 52 56 49 4e 44 58
00008  02 00 00 00 00 00 00 00
00010  a0 a1 a2 a3 a4 a5 a6 a7
00018  a8 a9 aa ab ac ad ae af
00020  07 00 00 00 00 00 00 00
00028  10 00 00 00 00 00 00 00
00030  00 10 00 00 00 00 00 00
001f8  3b f5 84 2e f3 f8 3c 7a
)"},
    {"index slot",
     [] {
       const std::uint64_t slot =
           encode_slot({.sequence_less_base = 0x123456, .offset = 0x7890 * 8}, example_segment::salt | 0x2a);
       return dump(std::as_bytes(std::span{&slot, 1}));
     },
     R"(
00000  56 34 12 00 89 07 00 a8
)"},
    // identity, activation, end, and frames of every shape: see the example below. Here what it has not.
    {"record, crc32c", [] { return frame_text({.sum = checksum::crc32c, .payload = "payload"}); }, R"(
00000  68 b5 d4 12 7e 5a 3f 9c
00008  4f c7 af 4b 45 a2 bd a2
00010  07 00 00 00 01 00 00 00
00018  70 61 79 6c 6f 61 64 00
)"},
    {"record, crc32", [] { return frame_text({.sum = checksum::crc32, .payload = "payload"}); }, R"(
00000  68 b5 d4 12 7e 5a 3f 9c
00008  2a c4 60 fd 45 a2 bd a2
00010  07 00 00 00 01 00 00 00
00018  70 61 79 6c 6f 61 64 00
)"},
    {"record, crc64", [] { return frame_text({.sum = checksum::crc64, .payload = "payload"}); }, R"(
00000  68 b5 d4 12 7e 5a 3f 9c
00008  b4 b1 9c 3c db eb 32 95
00010  07 00 00 00 01 00 00 00
00018  70 61 79 6c 6f 61 64 00
)"},
    {"record, no checksum", [] { return frame_text({.sum = checksum::none, .payload = "payload"}); }, R"(
00000  68 b5 d4 12 7e 5a 3f 9c
00008  3f ae 4c bf 45 a2 bd a2
00010  07 00 00 00 01 00 00 00
00018  70 61 79 6c 6f 61 64 00
)"},
    {"chunk", [] { return frame_text({.kind = 2, .type = 0xffff, .payload = "payload"}); }, R"(
00000  68 b5 d4 12 7e 5a 3f 9c
00008  f8 62 b3 ec 30 02 6e ba
00010  07 00 00 00 02 00 ff ff
00018  70 61 79 6c 6f 61 64 00
)"},
    {"gone", [] { return frame_text({.kind = 5, .extent = 24}); }, R"(
00000  68 b5 d4 12 7e 5a 3f 9c
00008  db a4 16 7c 93 90 bc d1
00010  00 00 00 00 05 00 00 00
)"},
    {"lost", [] { return frame_text({.kind = 4, .extent = 24}); }, R"(
00000  68 b5 d4 12 7e 5a 3f 9c
00008  18 c7 e9 37 51 fb 32 b1
00010  00 00 00 00 04 00 00 00
)"},
};

// ---- The document.

std::string document() {
  std::ifstream file{std::string{VARVE_SOURCE_DIR} + "/docs/format.md"};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What stands under the heading that begins with `heading`, up to the next heading of the same or a higher rank.
std::string section(std::string_view heading) {
  std::istringstream text{document()};
  std::string line, found;
  const auto rank = heading.find_first_not_of('#');
  bool is_inside = false, is_code = false;
  while (std::getline(text, line)) {
    if (line.starts_with("```")) is_code = !is_code;
    if (is_inside && !is_code && line.starts_with('#') && line.find_first_not_of('#') <= rank) break;
    if (is_inside) found += line + '\n';
    if (!is_inside && line.starts_with(heading)) is_inside = true;
  }
  if (found.empty()) FAIL("docs/format.md has no section '" << heading << "'");
  return found;
}

/// The cells of all rows of all tables in a text, heads and rules left out, backquotes removed.
std::vector<std::vector<std::string>> table_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines{text};
  std::string line;
  bool is_head = true;
  while (std::getline(lines, line)) {
    if (!line.starts_with('|')) {
      is_head = true;
      continue;
    }
    if (line.starts_with("|--")) {
      is_head = false;
      continue;
    }
    if (is_head) continue;
    std::vector<std::string> cells;
    std::istringstream row{line.substr(1)};
    std::string cell;
    while (std::getline(row, cell, '|')) {
      std::erase(cell, '`');
      const auto first = cell.find_first_not_of(' ');
      cells.push_back(first == std::string::npos ? "" : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
    }
    rows.push_back(cells);
  }
  return rows;
}

std::string hex(std::uint64_t value) {
  std::ostringstream text;
  text << std::hex << std::setfill('0') << std::setw(16) << value;
  return text.str();
}

struct field {
  std::string name;
  std::size_t offset, size;
};
#define VARVE_FIELD(structure, name) \
  field { #name, offsetof(structure, name), sizeof(structure::name) }

/// The rows "offset, size, field" of a section are just these fields. Bytes between them, which the document calls reserved,
/// must be filled, so that every byte of the structure stands in one row.
void check_fields(std::string_view heading, std::size_t size, const std::vector<field>& fields) {
  INFO(heading);
  std::vector<std::tuple<std::size_t, std::size_t, std::string>> expected, found;
  std::size_t at = 0;
  for (const auto& [name, offset, bytes] : fields) {
    if (offset > at) expected.emplace_back(at, offset - at, "reserved");
    expected.emplace_back(offset, bytes, name);
    at = offset + bytes;
  }
  if (size > at) expected.emplace_back(at, size - at, "reserved");
  for (const auto& row : table_rows(section(heading))) {
    if (row.size() < 3 || row[0].empty() || std::isdigit(static_cast<unsigned char>(row[0][0])) == 0) continue;
    found.emplace_back(std::stoul(row[0]), std::stoul(row[1]), row[2]);
  }
  CHECK(found == expected);
}

/// In the section some row begins with just these cells.
void check_row(const std::string& text, const std::vector<std::string>& cells) {
  for (const auto& row : table_rows(text))
    if (row.size() >= cells.size() && std::equal(cells.begin(), cells.end(), row.begin())) return;
  std::string wanted;
  for (const auto& cell : cells) wanted += "| " + cell + " ";
  FAIL_CHECK("docs/format.md lacks the row " << wanted);
}

}  // namespace

TEST_CASE("every structure still has the bytes that are written down", "[format][golden]") {
  for (const auto& [name, actual, expected] : goldens) {
    INFO(name);
    CHECK("\n" + actual() == expected);
  }
}

TEST_CASE("prints the golden texts and the example, to be put in place after a wanted change", "[.print]") {
  for (const auto& [name, actual, expected] : goldens) std::cout << "---- " << name << '\n' << actual();
  std::cout << "---- the example of docs/format.md\n" << example_segment{}.text();
}

TEST_CASE("the worked example of the document is the segment that the code makes", "[format][golden]") {
  const auto text = section("## 4 ");
  std::istringstream lines{example_segment{}.text()};
  std::string line;
  while (std::getline(lines, line)) {
    INFO(line);
    CHECK(text.find("\n" + line + "\n") != std::string::npos);
  }
  CHECK(text.find("```text\n" + example_segment{}.text() + "```\n") != std::string::npos);
}

TEST_CASE("the worked example is a segment that the code reads", "[format][golden]") {
  const example_segment example;
  const std::span<const std::byte> bytes{example.bytes};
  const auto sector_at = [&bytes](std::uint64_t offset) {
    sector copy;
    std::ranges::copy(bytes.subspan(offset, sector_bytes), copy.begin());
    return copy;
  };
  const auto identity_found = decode<identity>(sector_at(identity_offset));
  const auto activation_found = decode<activation>(sector_at(activation_offset));
  const auto end_found = decode<end>(sector_at(end_offset));
  REQUIRE(identity_found);
  REQUIRE(activation_found);
  REQUIRE(end_found);
  CHECK(is_sane(*identity_found));
  CHECK(is_sane(*activation_found));
  CHECK(belongs(*end_found, *activation_found, *identity_found));
  CHECK(!decode<seal>(sector_at(seal_offset)));
  CHECK(identity_found->info() == "example");

  std::uint64_t at = segment_header_bytes, sequence = activation_found->base;
  std::vector<std::string> payloads;
  while (at < end_found->offset) {
    const auto room = bytes.subspan(at, end_found->offset - at);
    REQUIRE(varve::testing::get(room, 0, 8) == stamp_of(sequence, activation_found->salt));
    const auto parsed = parse_frame(room, at, stamp_of(sequence, activation_found->salt), checksum::xxh3, depth::everything);
    REQUIRE(parsed);
    if (parsed->is_record()) payloads.emplace_back(varve::testing::text_of(parsed->payload));
    at += parsed->extent;
    ++sequence;
  }
  CHECK(at == end_found->offset);
  CHECK(sequence == end_found->last + 1);
  CHECK(payloads == std::vector<std::string>{"first", "two", "three", "short"});
}

TEST_CASE("the constants of the document are those of the code", "[format][golden]") {
  const std::vector<std::pair<const char*, std::uint64_t>> constants{
      {"version", version},
      {"sector_bytes", sector_bytes},
      {"segment_header_bytes", segment_header_bytes},
      {"segment_bytes_min", segment_bytes_min},
      {"segment_bytes_max", segment_bytes_max},
      {"segment_bytes_unit", segment_bytes_unit},
      {"segment_bytes_default", segment_bytes_default},
      {"frame_header_bytes", frame_header_bytes},
      {"frame_alignment", frame_alignment},
      {"sequence_max", sequence_max},
      {"block_bytes", block_bytes},
      {"meta_file_bytes", meta_file_bytes},
      {"state_file_bytes", state_file_bytes},
      {"live_page_bytes", live_page_bytes},
      {"live_file_bytes", live_file_bytes},
      {"index_header_bytes", index_header_bytes},
      {"index_stride_min", index_stride_min},
      {"index_stride_max", index_stride_max},
      {"index_stride_default", index_stride_default},
  };
  const auto text = section("## 2 ");
  for (const auto& [name, value] : constants) check_row(text, {name, std::to_string(value)});
  CHECK(table_rows(text).size() == constants.size());
}

TEST_CASE("the files of the document have the names that the code gives them", "[format][golden]") {
  const auto text = section("## 3 ");
  for (const std::string name : {meta_name, meta_temporary_name, state_name, live_name}) check_row(text, {name});
  check_row(text, {std::string{name_of(file_kind::segment, 7).view()}});
  check_row(text, {std::string{name_of(file_kind::index, 7).view()}});
}

TEST_CASE("the tables of the document show each byte of each structure where the code has it", "[format][golden]") {
  check_fields("### Sector", sector_bytes,
               {{"magic", offsetof(sector_head, magic), 8},
                {"version", offsetof(sector_head, version), 4},
                {"reserved", offsetof(sector_head, reserved), 4},
                {"fields", sizeof(sector_head), sector_bytes - sizeof(sector_head) - 8},
                {"checksum", sector_bytes - 8, 8}});
  check_fields("### Meta", sector_bytes,
               {VARVE_FIELD(meta, head),
                VARVE_FIELD(meta, log),
                {"compatible", offsetof(meta, features) + offsetof(feature_bits, compatible), 4},
                {"read_only_compatible", offsetof(meta, features) + offsetof(feature_bits, read_only_compatible), 4},
                {"incompatible", offsetof(meta, features) + offsetof(feature_bits, incompatible), 4},
                VARVE_FIELD(meta, checksum_kind),
                VARVE_FIELD(meta, frame_alignment_log2),
                VARVE_FIELD(meta, times),
                VARVE_FIELD(meta, kind),
                VARVE_FIELD(meta, segment_bytes),
                VARVE_FIELD(meta, index_stride_bytes),
                VARVE_FIELD(meta, created_ns),
                VARVE_FIELD(meta, checksum)});
  check_fields("### State", sector_bytes,
               {VARVE_FIELD(state, head),
                VARVE_FIELD(state, generation),
                VARVE_FIELD(state, epoch),
                VARVE_FIELD(state, condition),
                VARVE_FIELD(state, boot),
                VARVE_FIELD(state, inode),
                VARVE_FIELD(state, birth_ns),
                VARVE_FIELD(state, trim_point),
                VARVE_FIELD(state, durable_floor),
                VARVE_FIELD(state, clean_segment),
                VARVE_FIELD(state, clean_offset),
                VARVE_FIELD(state, clean_next),
                VARVE_FIELD(state, truncate_intent),
                VARVE_FIELD(state, checkpoint),
                VARVE_FIELD(state, archived),
                VARVE_FIELD(state, report_kept),
                VARVE_FIELD(state, report_cut_bytes),
                VARVE_FIELD(state, report_cut_records),
                VARVE_FIELD(state, report_stepped_over),
                VARVE_FIELD(state, report_ending),
                VARVE_FIELD(state, truncations),
                VARVE_FIELD(state, report_given_up),
                VARVE_FIELD(state, device),
                VARVE_FIELD(state, checksum)});
  check_fields("### Mark", sector_bytes,
               {VARVE_FIELD(mark, head), VARVE_FIELD(mark, epoch), VARVE_FIELD(mark, segment), VARVE_FIELD(mark, offset),
                VARVE_FIELD(mark, sequence), VARVE_FIELD(mark, generation), VARVE_FIELD(mark, checksum)});
  check_fields("### Words of the writer", sizeof(writer_words),
               {VARVE_FIELD(writer_words, epoch), VARVE_FIELD(writer_words, published), VARVE_FIELD(writer_words, process),
                VARVE_FIELD(writer_words, published_check)});
  check_fields("### Wake page", sizeof(wake_words),
               {VARVE_FIELD(wake_words, awaited), VARVE_FIELD(wake_words, futex), VARVE_FIELD(wake_words, fenced)});
  check_fields("### Identity", sector_bytes,
               {VARVE_FIELD(identity, head),
                VARVE_FIELD(identity, log),
                {"compatible", offsetof(identity, features) + offsetof(feature_bits, compatible), 4},
                {"read_only_compatible", offsetof(identity, features) + offsetof(feature_bits, read_only_compatible), 4},
                {"incompatible", offsetof(identity, features) + offsetof(feature_bits, incompatible), 4},
                VARVE_FIELD(identity, checksum_kind),
                VARVE_FIELD(identity, frame_alignment_log2),
                VARVE_FIELD(identity, version_info_bytes),
                VARVE_FIELD(identity, number),
                VARVE_FIELD(identity, file_bytes),
                VARVE_FIELD(identity, capacity),
                VARVE_FIELD(identity, created_ns),
                VARVE_FIELD(identity, index_stride_bytes),
                VARVE_FIELD(identity, version_info),
                VARVE_FIELD(identity, checksum)});
  check_fields("### Activation", sector_bytes,
               {VARVE_FIELD(activation, head), VARVE_FIELD(activation, base), VARVE_FIELD(activation, salt),
                VARVE_FIELD(activation, epoch), VARVE_FIELD(activation, predecessor),
                VARVE_FIELD(activation, predecessor_salt), VARVE_FIELD(activation, time_ns),
                VARVE_FIELD(activation, given_up), VARVE_FIELD(activation, generation), VARVE_FIELD(activation, checksum)});
  check_fields("### End", sector_bytes,
               {VARVE_FIELD(end, head), VARVE_FIELD(end, salt), VARVE_FIELD(end, offset), VARVE_FIELD(end, last),
                VARVE_FIELD(end, successor), VARVE_FIELD(end, cause), VARVE_FIELD(end, checksum)});
  check_fields("### Seal", sector_bytes,
               {VARVE_FIELD(seal, head), VARVE_FIELD(seal, salt), VARVE_FIELD(seal, offset), VARVE_FIELD(seal, last),
                VARVE_FIELD(seal, frames), VARVE_FIELD(seal, time_first_ns), VARVE_FIELD(seal, time_last_ns),
                VARVE_FIELD(seal, digest), VARVE_FIELD(seal, hash_chain), VARVE_FIELD(seal, checksum)});
  check_fields(
      "### Index header", sector_bytes,
      {VARVE_FIELD(index_header, head), VARVE_FIELD(index_header, log), VARVE_FIELD(index_header, number),
       VARVE_FIELD(index_header, slots), VARVE_FIELD(index_header, stride_bytes), VARVE_FIELD(index_header, checksum)});
  check_fields("### Frame header", frame_header_bytes,
               {VARVE_FIELD(frame_header, stamp), VARVE_FIELD(frame_header, checksum), VARVE_FIELD(frame_header, length),
                VARVE_FIELD(frame_header, kind), VARVE_FIELD(frame_header, flags), VARVE_FIELD(frame_header, type)});
}

TEST_CASE("the places of the structures in the document are those of the code", "[format][golden]") {
  const auto text = section("### Where they stand");
  const auto place = [&text](const char* structure, std::uint64_t magic, const char* file, std::uint64_t offset) {
    std::string letters(8, ' ');
    for (unsigned i = 0; i < 8; ++i) letters[i] = static_cast<char>(magic >> 8 * i & 0xff);
    check_row(text, {structure, letters, file, std::to_string(offset)});
  };
  place("meta", meta::magic, "varve.meta", 0);
  place("state, slot 0", state::magic, "varve.state", 0);
  place("meta, once more", meta::magic, "varve.meta", meta_copy_offset[1]);
  place("state, slot 1", state::magic, "varve.state", state_copy_offset[1][0]);
  place("state, slot 0 once more", state::magic, "varve.state", state_copy_offset[0][1]);
  place("state, slot 1 once more", state::magic, "varve.state", state_copy_offset[1][1]);
  place("mark, slot 0", mark::magic, "varve.live", mark_slot_offset[0]);
  place("mark, slot 1", mark::magic, "varve.live", mark_slot_offset[1]);
  place("identity", identity::magic, "segment", identity_offset);
  place("activation", activation::magic, "segment", activation_offset);
  place("end", end::magic, "segment", end_offset);
  place("seal", seal::magic, "segment", seal_offset);
  place("index header", index_header::magic, "index", 0);
  check_row(text, {"words of the writer", "none", "varve.live", std::to_string(writer_words_offset)});
  check_row(text, {"wake page", "none", "varve.live", std::to_string(wake_page_offset)});
  check_row(text, {"statistics page", "none", "varve.live", std::to_string(wake_page_offset + live_page_bytes)});
}

TEST_CASE("the numbers of kinds, flags, causes, conditions and checksums in the document are those of the code",
          "[format][golden]") {
  const auto kinds = section("### Kinds"), flags = section("### Flags");
  check_row(kinds, {std::to_string(static_cast<int>(frame_kind::record)), "record"});
  check_row(kinds, {std::to_string(static_cast<int>(frame_kind::chunk)), "chunk"});
  check_row(kinds, {std::to_string(static_cast<int>(frame_kind::skip)), "skip"});
  check_row(kinds, {std::to_string(static_cast<int>(frame_kind::lost)), "lost"});
  check_row(kinds, {std::to_string(static_cast<int>(frame_kind::gone)), "gone"});
  CHECK(table_rows(kinds).size() == 7);  // these, 0, and the rest
  for (const auto& [bit, flag, name] : {std::tuple{"0", frame_flags::goes_on, "goes on"},
                                        {"1", frame_flags::begins_inside, "begins inside"},
                                        {"2", frame_flags::is_short, "short"},
                                        {"3", frame_flags::reserved, "reserved"}}) {
    CHECK(1 << std::stoi(bit) == flag);
    check_row(flags, {bit, name});
  }
  check_row(flags, {std::to_string(frame_flags::extension_shift) + " to 7", "extension words"});

  const auto causes = section("### End"), conditions = section("### State");
  CHECK(causes.find("`cause`: " + std::to_string(static_cast<int>(end_cause::roll)) + " roll, " +
                    std::to_string(static_cast<int>(end_cause::truncate)) + " truncate, " +
                    std::to_string(static_cast<int>(end_cause::recovery)) + " recovery") != std::string::npos);
  CHECK(conditions.find("`condition`: " + std::to_string(static_cast<int>(condition::open)) + " open, " +
                        std::to_string(static_cast<int>(condition::clean)) + " clean") != std::string::npos);
  const auto checksums = section("### Kinds of checksum");
  check_row(checksums, {std::to_string(static_cast<int>(checksum::xxh3)), "xxh3"});
  check_row(checksums, {std::to_string(static_cast<int>(checksum::crc32c)), "crc32c"});
  check_row(checksums, {std::to_string(static_cast<int>(checksum::crc32)), "crc32"});
  check_row(checksums, {std::to_string(static_cast<int>(checksum::crc64)), "crc64"});
  check_row(checksums, {std::to_string(static_cast<int>(checksum::none)), "none"});
}

TEST_CASE("the checksum vectors of the document are what the code computes", "[format][golden]") {
  const auto text = section("### Vectors of the checksums");
  std::vector<std::byte> ramp(1024);
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<std::byte>(i % 251);
  const auto digits = varve::testing::bytes_of("123456789");
  const auto head = std::span{ramp};
  for (const auto& [kind, name] : {std::pair{checksum::xxh3, "xxh3"},
                                   {checksum::crc32c, "crc32c"},
                                   {checksum::crc32, "crc32"},
                                   {checksum::crc64, "crc64"},
                                   {checksum::none, "none"}}) {
    using varve::core::sum;
    check_row(text, {name, hex(sum(kind, {})), hex(sum(kind, digits)), hex(sum(kind, head.first(240))),
                     hex(sum(kind, head.first(241))), hex(sum(kind, head))});
  }
}

TEST_CASE("the vectors of mix in the document are what the code computes", "[format][golden]") {
  std::size_t rows = 0;
  for (const auto& row : table_rows(section("### Vectors of mix"))) {
    REQUIRE(row.size() >= 4);
    const auto number = [&row](std::size_t cell) { return std::stoull(row[cell], nullptr, 16); };
    INFO(row[0] << ' ' << row[1] << ' ' << row[2]);
    CHECK(row[3] == hex(mix(number(0), number(1), number(2))));
    ++rows;
  }
  CHECK(rows >= 6);
}

TEST_CASE("the document has one title", "[format][golden]") {
  std::istringstream text{document()};
  std::string line;
  int titles = 0;
  bool is_code = false;
  while (std::getline(text, line)) {
    if (line.starts_with("```")) is_code = !is_code;
    titles += !is_code && line.starts_with("# ") ? 1 : 0;
  }
  CHECK(titles == 1);
}
