// SPDX-License-Identifier: MIT
//
// A log of which something that had been durable is missing or damaged: open refuses it and changes nothing, until it is
// told to accept the loss; then everything that can be read keeps its sequence, and the rest is damaged for good.
#include <algorithm>
#include <functional>

#include "hostile/spoiled_directory.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

struct loss {
  const char* what;
  std::function<void(const fs::path&)> spoil;
  const char* left;  // of nine records, "!" for one that is lost
  errc refused;      // in place; a copy is always incomplete
};

void flip_payload_of(const fs::path& dir, std::uint64_t sequence) { flip_payload_bit(dir, sequence); }
void flip_length_of(const fs::path& dir, std::uint64_t sequence) {
  const auto place = place_of(dir, sequence);
  flip_bit(segment_path(dir, place.segment), place.offset + 16, 7);
}
void clear_page_of(const fs::path& dir, std::uint64_t sequence) {
  const auto place = place_of(dir, sequence);
  patch(segment_path(dir, place.segment), place.offset / 4096 * 4096, byte_vector(4096));
}

const loss losses[] = {
    {"the last segment is missing", [](const fs::path& d) { fs::remove(segment_path(d, 3)); }, "123456!!!",
     errc::incomplete},
    {"a segment in the middle is missing", [](const fs::path& d) { fs::remove(segment_path(d, 2)); }, "123!!!789",
     errc::incomplete},
    {"the first segment is missing", [](const fs::path& d) { fs::remove(segment_path(d, 1)); }, "!!!456789",
     errc::incomplete},
    {"only the first segment is there",
     [](const fs::path& d) {
       fs::remove(segment_path(d, 2));
       fs::remove(segment_path(d, 3));
     },
     "123!!!!!!", errc::incomplete},
    {"only the last segment is there",
     [](const fs::path& d) {
       fs::remove(segment_path(d, 1));
       fs::remove(segment_path(d, 2));
     },
     "!!!!!!789", errc::incomplete},
    {"a flipped payload", [](const fs::path& d) { flip_payload_of(d, 5); }, "1234!6789", errc::damaged},
    {"a flipped payload, the first of a segment", [](const fs::path& d) { flip_payload_of(d, 4); }, "123!56789",
     errc::damaged},
    {"a flipped payload, the last of a segment", [](const fs::path& d) { flip_payload_of(d, 6); }, "12345!789",
     errc::damaged},
    {"flipped payloads side by side",
     [](const fs::path& d) {
       for (const std::uint64_t s : {4U, 5U, 7U, 8U}) flip_payload_of(d, s);
     },
     "123!!6!!9", errc::damaged},
    {"the newest record", [](const fs::path& d) { flip_payload_of(d, 9); }, "12345678!", errc::damaged},
    {"a flipped length", [](const fs::path& d) { flip_length_of(d, 5); }, "1234!6789", errc::damaged},
    {"a page of zeroes at a frame", [](const fs::path& d) { clear_page_of(d, 8); }, nullptr, errc::damaged},
    {"damage and a missing segment",
     [](const fs::path& d) {
       flip_payload_of(d, 2);
       fs::remove(segment_path(d, 2));
     },
     "1!3!!!789", errc::damaged},
};

/// The losses in sealed segments of a log in place are met where they are read, not at open: that trusts seals.
bool is_met_at_open(const fs::path& dir) { return !log::open(dir, {.verify_at_open = true}).has_value(); }

std::string seen_by(const fs::path& dir) {
  const auto v = log_view::open(dir);
  return v ? digits_of(*v) : std::string{name_of(v.error().code())};
}

bool only_known_are_right(const std::string& seen, const std::string& left) {
  for (std::size_t i = 0; i < left.size(); ++i)
    if (seen[i] != left[i]) return false;
  return true;
}

std::string text_of_file(const fs::path& file) {
  const auto bytes = read_file(file);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t set_aside_directories(const fs::path& dir) {
  return static_cast<std::size_t>(std::ranges::count_if(fs::directory_iterator{dir}, [](const auto& entry) {
    return entry.path().filename().string().starts_with("set-aside-");
  }));
}

}  // namespace

TEST_CASE("what is lost is refused, changes nothing, and is gone on without only when that is said", "[recovery][G2][G5]") {
  const bool closed = GENERATE(true, false);
  const bool is_copy = GENERATE(true, false);
  for (const auto& each : losses) {
    INFO(each.what << (closed ? ", closed" : ", dead") << (is_copy ? ", a copy" : ", in place"));
    const nine_records original{closed};
    const fs::path dir = is_copy ? original.place.path() / "copy" : original.dir;
    if (is_copy) fs::copy(original.dir, dir, fs::copy_options::recursive);
    each.spoil(dir);
    const std::string left = each.left != nullptr ? each.left : seen_by(dir);

    const auto before = image_of(dir);
    REQUIRE(is_met_at_open(dir));
    CHECK((image_of(dir) == before));
    if (is_copy) {
      const auto refused = log::open(dir);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code() == errc::incomplete);
      CHECK(refused.error().first_sequence() == left.find('!') + 1);
      CHECK(refused.error().last_sequence() == left.rfind('!') + 1);
      CHECK((image_of(dir) == before));
    }
    CHECK(only_known_are_right(seen_by(dir), left));
    const auto foretold = verify(dir, {}, {.recovery = recovery_mode::accept_loss});
    if (!foretold) FAIL(foretold.error().message());
    CHECK((image_of(dir) == before));

    {
      auto l = log::open(dir, {.recovery = recovery_mode::accept_loss});
      if (!l) FAIL(l.error().message());
      CHECK(digits_of(*l) == left);
      CHECK(l->recovery().given_up == static_cast<std::uint64_t>(std::ranges::count(left, '!')));
      CHECK(foretold->given_up == l->recovery().given_up);
      CHECK(foretold->kept == l->recovery().kept);
      CHECK(l->first_sequence().value == 1);
      CHECK(l->published_sequence().value == 9);
      const auto next = l->append("ten");
      REQUIRE(next);
      CHECK(next->value == 10);
      CHECK(set_aside_directories(dir) <= 1);
    }
    // It stays so, whoever opens it, copies it, or trims it.
    for (int life = 0; life < 2; ++life) {
      const auto l = log::open(dir, {.verify_at_open = true});
      if (!l) FAIL(l.error().message());
      CHECK(digits_of(*l) == left);
      CHECK(l->recovery().given_up == 0);
    }
    CHECK(seen_by(dir) == left);
    const auto saved = backup(dir, original.place.path() / "backup");
    if (!saved) FAIL(saved.error().message());
    CHECK(seen_by(original.place.path() / "backup") == left);
    const fs::path again = original.place.path() / "again";
    fs::copy(dir, again, fs::copy_options::recursive);
    {
      const auto l = log::open(again);
      if (!l) FAIL(l.error().message());
      CHECK(digits_of(*l) == left);
    }
    auto l = log::open(dir);
    REQUIRE(l);
    REQUIRE(l->trim_before({8}).has_value());
    CHECK(digits_of(*l) == "<<<<<<<" + left.substr(7));
    REQUIRE(l->close().has_value());
  }
}

TEST_CASE("a log is truncated before a gap, or after it, and not in it", "[recovery][truncate]") {
  const nine_records original;
  fs::remove(segment_path(original.dir, 2));
  const log_options accepting{.recovery = recovery_mode::accept_loss};
  REQUIRE(log::open(original.dir, accepting)->close().has_value());
  auto l = log::open(original.dir);
  REQUIRE(l);
  for (const std::uint64_t last : {4U, 5U, 6U}) {
    const auto done = l->truncate_after({last});
    REQUIRE_FALSE(done);
    CHECK(facts_of(done.error(), original.dir) == "damaged segment 3 sequence 4 to 6");
    CHECK(digits_of(*l) == "123!!!789");
  }
  REQUIRE(l->truncate_after({8}).has_value());
  CHECK(digits_of(*l) == "123!!!78.");
  REQUIRE(l->trim_before({5}).has_value());
  CHECK(digits_of(*l) == "<<<<!!78.");
  REQUIRE(l->close().has_value());
  CHECK(seen_by(original.dir) == "<<<<!!78.");
  l = log::open(original.dir);
  REQUIRE(l);
  CHECK(l->first_sequence().value == 5);
  CHECK(l->append("new")->value == 9);
}

TEST_CASE("what follows a gap is taken back with the gap", "[recovery][truncate]") {
  const nine_records original;
  fs::remove(segment_path(original.dir, 2));
  const log_options accepting{.recovery = recovery_mode::accept_loss};
  REQUIRE(log::open(original.dir, accepting)->close().has_value());
  auto l = log::open(original.dir);
  REQUIRE(l);
  REQUIRE(l->truncate_after({3}).has_value());
  CHECK(digits_of(*l) == "123......");
  CHECK(l->append("new")->value == 4);
  REQUIRE(l->close().has_value());
  l = log::open(original.dir);
  REQUIRE(l);
  CHECK(l->read({4})->text() == "new");
}

TEST_CASE("who accepts a loss keeps what can be read after damage that no durable mark covers", "[recovery][G1]") {
  struct damage {
    const char* what;
    void (*spoil)(const fs::path& dir);
    const char* in_place;  // after a death
    const char* copied;    // of a copy nobody knows what was torn while it was made
    std::uint64_t next_in_place, next_copied;
  };
  const damage damages[] = {
      {"a payload", [](const fs::path& d) { flip_payload_bit(d, 6); }, "a b c d e damaged g h i ",
       "a b c d e damaged g h i ", 10, 10},
      {"two payloads",
       [](const fs::path& d) {
         flip_payload_bit(d, 5);
         flip_payload_bit(d, 8);
       },
       "a b c d damaged f g damaged i ", "a b c d damaged f g damaged i ", 10, 10},
      {"the last payload", [](const fs::path& d) { flip_payload_bit(d, 9); }, "a b c d e f g h damaged ", "a b c d e f g h ",
       10, 9},
      {"a stamp", [](const fs::path& d) { clear_stamp(d, 6); }, "a b c d e - g h i ", "a b c d e damaged g h i ", 10, 10},
  };
  const bool is_copy = GENERATE(false, true);
  for (const auto& each : damages) {
    INFO(each.what << (is_copy ? ", a copy" : ", in place"));
    const temp_dir place;
    const fs::path original = place.path() / "log", dir = is_copy ? place.path() / "copy" : original;
    die_after(original, "abcdefghi", 3);
    if (is_copy) fs::copy(original, dir, fs::copy_options::recursive);
    each.spoil(dir);
    for (int life = 0; life < 2; ++life) {
      auto l = log::open(dir, {.recovery = life == 0 ? recovery_mode::accept_loss : recovery_mode::prefix});
      if (!l) FAIL(l.error().message());
      CHECK(texts_of(*l) == (is_copy ? each.copied : each.in_place));
      REQUIRE(l->close().has_value());
    }
    auto l = log::open(dir);
    REQUIRE(l);
    CHECK(l->append("new")->value == (is_copy ? each.next_copied : each.next_in_place));
  }
}

TEST_CASE("what could be salvaged before a loss is accepted is in the log or set aside after that", "[recovery][G1][G5]") {
  struct damage {
    const char* what;
    std::uint64_t segment, offset, bytes;
    unsigned char with;
  };
  const damage damages[] = {
      {"a byte of the first activation", 1, 532, 1, 0x5a}, {"the identity of the first", 1, 0, 512, 0x5a},
      {"the head of the first", 1, 0, 8192, 0x5a},         {"the head of the second, zeroed", 2, 0, 4104, 0},
      {"two pages of the second, zeroed", 2, 0, 8192, 0},  {"four pages of the last, zeroed", 3, 0, 16'384, 0},
      {"the head of the last", 3, 0, 4096, 0x5a},
  };
  const bool is_copy = GENERATE(false, true);
  const std::uint64_t trimmed_to = GENERATE(1, 3);
  for (const auto& each : damages) {
    INFO(each.what << (is_copy ? ", a copy" : ", in place") << ", trimmed to " << trimmed_to);
    const nine_records original;
    const fs::path dir = is_copy ? original.place.path() / "copy" : original.dir;
    if (trimmed_to > 1) REQUIRE(log::open(original.dir)->trim_before({trimmed_to}).has_value());
    if (is_copy) fs::copy(original.dir, dir, fs::copy_options::recursive);
    patch(segment_path(dir, each.segment), each.offset, byte_vector(each.bytes, std::byte{each.with}));
    std::vector<std::string> before;
    for (const std::uint64_t number : segment_numbers(dir)) before.push_back(text_of_file(segment_path(dir, number)));
    REQUIRE(log::open(dir, {.recovery = recovery_mode::accept_loss})->close().has_value());
    std::string kept;  // all bytes that are there still
    for (const auto& entry : fs::recursive_directory_iterator{dir})
      if (entry.path().extension() == ".seg") kept += text_of_file(entry.path());
    for (std::uint64_t s = trimmed_to; s <= 9; ++s) {
      const std::string record = nine_records::text(s);
      const bool was_there = std::ranges::any_of(before, [&](const auto& f) { return f.find(record) != std::string::npos; });
      CHECK((!was_there || kept.find(record) != std::string::npos));
    }
  }
}

TEST_CASE("what was set aside is counted and named, and no open looks there", "[recovery][stat]") {
  const nine_records original;
  flip_payload_bit(original.dir, 5);
  REQUIRE(log::open(original.dir, {.recovery = recovery_mode::accept_loss})->close().has_value());
  const auto described = log_view::open(original.dir)->describe();
  REQUIRE(described);
  REQUIRE(described->set_aside.size() == 1);
  const auto& kept = described->set_aside.front();
  CHECK(kept.name.starts_with("set-aside-"));
  CHECK(kept.files == 2);  // the last one had no end
  CHECK(kept.bytes >= 64 * 1024);
  const auto rolls_under_cap = [&] {
    auto l = log::open(original.dir, {.prepared_segments = 1, .max_disk_bytes = 10 * format::segment_bytes_min});
    REQUIRE(l);
    while (l->append(std::string(19'000, 'x'))) {
    }
    const std::uint64_t rolls = l->stats().rolls;
    REQUIRE(l->truncate_after({9}).has_value());
    REQUIRE(l->close().has_value());
    return rolls;
  };
  const std::uint64_t with = rolls_under_cap();
  fs::remove_all(original.dir / kept.name);
  CHECK(rolls_under_cap() > with);
}

TEST_CASE("a log that has lost nothing opens with accept_loss as it does without", "[recovery]") {
  const bool closed = GENERATE(true, false);
  const nine_records whole{closed};
  auto l = log::open(whole.dir, {.recovery = recovery_mode::accept_loss});
  REQUIRE(l);
  CHECK(digits_of(*l) == "123456789");
  CHECK(l->recovery().given_up == 0);
  CHECK(set_aside_directories(whole.dir) == 0);
  CHECK(l->append("ten")->value == 10);
}

TEST_CASE("after the death of a process a finished record that is not there is missing, though never synced",
          "[recovery][G1]") {
  const temp_dir dir;
  die_with(dir.path(), {.segment_bytes = format::segment_bytes_min}, [](log& l) {
    for (int i = 0; i < 9; ++i) must(l.append(std::string(19'000, 'x')).has_value());
    must(l.published_sequence().value == 9);  // which varve.live then says
  });
  const bool power = GENERATE(false, true);
  if (power) make_power_loss(dir.path());
  fs::remove(segment_path(dir.path(), 3));
  const auto l = log::open(dir.path());
  if (power) {
    REQUIRE(l);  // a power loss may take what was never synced
    CHECK(l->published_sequence().value == 6);
    return;
  }
  REQUIRE_FALSE(l);
  CHECK(l.error().code() == errc::incomplete);
  CHECK(l.error().first_sequence() == 7);
  CHECK(l.error().last_sequence() == 9);
  const auto report = verify(dir.path());
  REQUIRE(report);
  CHECK(rows_of(*report).find('W') != std::string::npos);
  // Also if something else is wrong: no sequence is given out again.
  flip_payload_bit(dir.path(), 2);
  auto accepted = log::open(dir.path(), {.recovery = recovery_mode::accept_loss});
  REQUIRE(accepted);
  CHECK(accepted->recovery().given_up == 4);
  CHECK(accepted->append("ten")->value == 10);
}

}  // namespace varve::testing
