// SPDX-License-Identifier: MIT
//
// Any one block of varve.state, varve.meta or varve.live is spoiled, lost, or an old version of itself: the log opens all
// the same, nothing durable is missing, and no decision (trim, truncation) is undone or made again.
//
// VARVE_ROT_HISTORIES sets how many histories are tried; each is tried with every spot, kind and ending.
#include <algorithm>
#include <iostream>
#include <map>
#include <string>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "support/catch.hpp"
#include "support/dice.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

constexpr const char* directory = "log";
constexpr std::uint64_t block = format::block_bytes;

/// What the caller of the log knows.
struct truth {
  std::map<std::uint64_t, std::string> records;
  std::uint64_t first = 1, next = 1, durable = 0;

  void forget_from(std::uint64_t s) {
    records.erase(records.lower_bound(s), records.end());
    next = s;
    durable = std::min(durable, s - 1);
  }
};

/// Versions of the three files, in their order.
struct file_history {
  std::string name;
  std::vector<std::vector<std::byte>> versions;

  void look() {
    const std::string path = std::string{directory} + '/' + name;
    if (!memory_os::exists(path)) return;
    auto now = memory_os::contents(path);
    if (versions.empty() || versions.back() != now) versions.push_back(std::move(now));
  }
};

class history {
 public:
  explicit history(std::uint64_t seed) : random_(seed) {
    memory_os::reset();
    memory_os::seed_random(seed);
    const auto lives = 1 + random_.below(3);
    for (std::uint64_t life = 0; life < lives; ++life) live(life + 1 == lives);
  }

  truth known;
  bool is_closed = false;
  file_history files[3] = {{"varve.state", {}}, {"varve.meta", {}}, {"varve.live", {}}};

 private:
  void live(bool is_last) {
    auto l = log::open(directory, {.segment_bytes = 64 * 1024, .prepared_segments = 1, .spare_segments = 0});
    REQUIRE(l);
    REQUIRE(l->published_sequence().value + 1 == known.next);
    known.durable = known.next - 1;  // what an open keeps is durable
    look();
    const auto steps = 2 + random_.below(10);
    for (std::uint64_t step = 0; step < steps; ++step) {
      act(*l);
      look();
    }
    is_closed = random_.one_in(2);
    if (is_closed) {
      REQUIRE(l->close().has_value());
      known.durable = known.next - 1;
      look();
    }
    // A process that dies: whatever it would still do fails.
    memory_os::crash_at_call(1);
    {
      const auto dying = std::move(l);
    }
    memory_os::process_death();
    if (!is_last) return;
    look();
  }

  void act(log& l) {
    switch (random_.below(6)) {
      case 0: {
        REQUIRE(l.sync().has_value());
        known.durable = known.next - 1;
        break;
      }
      case 1: {
        if (known.next == known.first) break;
        const std::uint64_t to = known.first + random_.below(known.next - known.first + 1);
        REQUIRE(l.trim_before({to}).has_value());
        known.first = std::max(known.first, to);
        known.records.erase(known.records.begin(), known.records.lower_bound(known.first));
        known.durable = std::max(known.durable, known.first - 1);
        break;
      }
      case 2: {
        if (known.next <= known.first + 1) break;
        const std::uint64_t last = known.first + random_.below(known.next - known.first - 1);
        REQUIRE(l.truncate_after({last}).has_value());
        known.forget_from(last + 1);
        known.durable = last;
        break;
      }
      default: {
        const std::string text = std::to_string(++ids_) + std::string(random_.below(30'000), 'x');
        const auto s = l.append(text);
        REQUIRE(s);
        REQUIRE(s->value == known.next);
        known.records[known.next++] = text;
      }
    }
  }

  void look() {
    for (auto& f : files) f.look();
  }

  dice random_;
  std::uint64_t ids_ = 0;
};

enum class kind { flipped, zero_sector, zero_block, ones, old };
constexpr kind kinds[] = {kind::flipped, kind::zero_sector, kind::zero_block, kind::ones, kind::old};

/// False: there is nothing to be done at this spot.
bool spoil(const std::string& in, const file_history& f, std::uint64_t at, kind how, dice& random) {
  const std::string path = in + '/' + f.name;
  const auto now = memory_os::contents(path);
  if (at + block > now.size()) return false;
  std::vector<std::byte> bytes(now.begin() + static_cast<std::ptrdiff_t>(at),
                               now.begin() + static_cast<std::ptrdiff_t>(at + block));
  switch (how) {
    case kind::flipped: bytes[random.below(format::sector_bytes)] ^= std::byte{1} << random.below(8); break;
    case kind::zero_sector: std::fill_n(bytes.begin(), format::sector_bytes, std::byte{}); break;
    case kind::zero_block: std::ranges::fill(bytes, std::byte{}); break;
    case kind::ones: std::ranges::fill(bytes, std::byte{0xff}); break;
    case kind::old: {
      const auto& old = f.versions[random.below(f.versions.size())];
      if (at + block > old.size()) return false;
      std::copy_n(old.begin() + static_cast<std::ptrdiff_t>(at), block, bytes.begin());
    }
  }
  memory_os::overwrite(path, at, bytes);
  return true;
}

void check(const std::string& in, const truth& known, bool all_is_there) {
  auto l = log::open(in);
  INFO((l ? std::string{} : l.error().message()));
  REQUIRE(l);
  const std::uint64_t published = l->published_sequence().value;
  REQUIRE(l->first_sequence().value == known.first);
  REQUIRE(published >= known.durable);
  REQUIRE(published < known.next);
  if (all_is_there) REQUIRE(published + 1 == known.next);
  for (std::uint64_t s = known.first; s <= published; ++s) {
    const auto r = l->read({s});
    REQUIRE(r);
    REQUIRE((r->text() == known.records.at(s)));
  }
  REQUIRE(l->append("and more")->value == published + 1);
  REQUIRE(l->close().has_value());
  REQUIRE(verify(in)->findings.empty());
}

std::uint64_t histories_wanted() { return number_from_environment("VARVE_ROT_HISTORIES", 12); }

}  // namespace

TEST_CASE("any one block of state, meta or live is spoiled or stale: nothing is missing, undone or done again",
          "[power][rot][G2][G5][G6]") {
  std::uint64_t cases = 0;
  for (std::uint64_t seed = 1; seed <= histories_wanted(); ++seed) {
    const history h{seed};
    const auto image = memory_os::snapshot();
    dice random{seed};
    for (const auto& f : h.files) {
      for (std::uint64_t at = 0; at < (f.name == "varve.live" ? block : f.versions.back().size()); at += block) {
        for (const kind how : kinds) {
          for (const char* const ending : {"death", "power loss", "copy"}) {
            INFO("history " << seed << (h.is_closed ? ", closed" : ", open") << ": " << f.name << ", block at " << at
                            << ", kind " << static_cast<int>(how) << ", " << ending);
            memory_os::restore(image);
            const bool has_lost_power = ending == std::string_view{"power loss"};
            if (has_lost_power) memory_os::power_loss(random.next());
            const bool is_copy = ending == std::string_view{"copy"};
            if (is_copy) memory_os::copy_directory(directory, "copy");
            const std::string in = is_copy ? "copy" : directory;
            if (!spoil(in, f, at, how, random)) continue;
            // Of an open log a copy keeps what it can prove, and a power loss what it likes.
            check(in, h.known, h.is_closed || ending == std::string_view{"death"});
            ++cases;
          }
        }
      }
    }
  }
  std::cout << "rot of one block: " << cases << " cases\n";
  CHECK(cases > 20 * histories_wanted());
  memory_os::reset();
}

}  // namespace varve::testing
