// SPDX-License-Identifier: MIT
//
// Checkpoint and archive positions through deaths, losses of power and failing calls: never beyond what was saved, nor
// beyond what the log still holds; and nothing goes that nobody has.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>

#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

using memory_os::call;

constexpr const char* directory = "log";

/// The same in every life: sequences that a power loss took come again.
std::string text_of(std::uint64_t sequence) {
  return std::to_string(sequence) + std::string(3'000 + sequence % 7 * 500, 'x');
}

/// What is kept elsewhere, and so outlives whatever happens to the log.
class elsewhere {
 public:
  explicit elsewhere(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] log_options options(bool fails_at_times) {
    replayed_ = std::max(saved_, trimmed_ - 1);
    return {.segment_bytes = 64 * 1024,
            .on_recovery = {.record = [this](const record& r) { return replay(r.sequence().value), true; }},
            .checkpoint = {.save = [this, fails_at_times](const checkpoint_request& r) { return save(r, fails_at_times); },
                           .after_bytes = std::uint64_t{100} << 10},
            .archive = {.sealed = [this, fails_at_times](const sealed_segment& s) { return keep(s, fails_at_times); },
                        .dropping = [this](const sealed_segment& s) { drop(s); }},
            .spare_segments = 1};
  }
  [[nodiscard]] std::uint64_t saved() const {
    const std::scoped_lock lock{guard_};
    return saved_;
  }
  [[nodiscard]] std::uint64_t archived() const {
    const std::scoped_lock lock{guard_};
    return archived_;
  }
  /// A trim may pass what was not checkpointed; then that need not be saved.
  void note_trim(std::uint64_t target) {
    const std::scoped_lock lock{guard_};
    trimmed_ = std::max(trimmed_, target);
  }
  [[nodiscard]] std::uint64_t trimmed() const {
    const std::scoped_lock lock{guard_};
    return trimmed_;
  }
  std::uint64_t saves = 0, copies = 0, drops = 0;

 private:
  bool says_no(bool fails_at_times) { return fails_at_times && random_() % 4 == 0; }

  bool save(const checkpoint_request& r, bool fails_at_times) {
    std::uint64_t next = r.first.value;
    for (;;) {
      const auto record = r.records.next();
      if (!record || !*record) break;
      expect((*record)->sequence().value >= next);  // what is abandoned is passed over: see behind_abandoned()
      next = (*record)->sequence().value;
      expect((*record)->text() == text_of(next));
      ++next;
    }
    const std::scoped_lock lock{guard_};
    for (std::uint64_t s = std::max(saved_ + 1, trimmed_); s < r.first.value; ++s) expect(abandoned_.contains(s));
    if (next <= r.last.value || says_no(fails_at_times)) return false;
    saved_ = std::max(saved_, r.last.value);
    ++saves;
    return true;
  }
  bool keep(const sealed_segment& s, bool fails_at_times) {
    const std::scoped_lock lock{guard_};
    expect(s.sequences.first.value <= archived_ + 1);
    if (says_no(fails_at_times)) return false;
    archived_ = std::max(archived_, s.sequences.end.value - 1);
    ++copies;
    return true;
  }
  void drop(const sealed_segment& s) {
    const std::scoped_lock lock{guard_};
    expect(s.sequences.end.value - 1 <= archived_);
    for (std::uint64_t i = std::max(saved_ + 1, trimmed_); i < s.sequences.end.value; ++i) expect(abandoned_.contains(i));
    ++drops;
  }
  /// At an open, before there is a thread that saves: what is left out was stepped over, see behind_abandoned().
  void replay(std::uint64_t sequence) {
    while (++replayed_ < sequence) abandoned_.insert(replayed_);
    abandoned_.erase(sequence);  // a power loss may have taken what it was
    replayed_ = std::max(replayed_, sequence);
  }

  mutable std::mutex guard_;
  std::mt19937_64 random_;
  std::set<std::uint64_t> abandoned_;
  std::uint64_t replayed_ = 0;
  std::uint64_t saved_ = 0, archived_ = 0, trimmed_ = 1;
};

/// When a call in the background crashes, the picture of the machine is taken page by page beside the thread that appends: a
/// record may be unfinished in it, and the one behind it be there. Then recovery has stepped over that.
std::uint64_t behind_abandoned(const log& l, std::uint64_t at, std::uint64_t found) {
  while (at < found) {
    const auto r = l.read({at});
    if (r || r.error().code() != errc::abandoned) break;
    ++at;
  }
  return at;
}

void check(const log& l, const elsewhere& other) {
  const std::uint64_t first = l.first_sequence().value, published = l.published_sequence().value;
  INFO("first " << first << ", published " << published << ", checkpointed " << l.checkpointed_sequence().value
                << ", archived " << l.archived_sequence().value << "; elsewhere " << other.saved() << ", "
                << other.archived() << ", trimmed " << other.trimmed());
  REQUIRE(other.saved() <= published);  // what was handed out was durable
  REQUIRE(other.archived() <= published);
  REQUIRE(l.checkpointed_sequence().value <= std::max(other.saved(), other.trimmed() - 1));
  REQUIRE(l.archived_sequence().value <= std::max(other.archived(), other.trimmed() - 1));
  REQUIRE(l.checkpointed_sequence().value + 1 >= first);
  REQUIRE(l.archived_sequence().value + 1 >= first);
  std::uint64_t at = first;
  for (const auto& r : l.records()) {
    if (!r && r.error().code() == errc::trimmed) return;  // what was checkpointed goes meanwhile
    REQUIRE(r.has_value());
    at = behind_abandoned(l, at, r->sequence().value);
    if (at == first) at = std::max(at, std::min(r->sequence().value, l.first_sequence().value));  // likewise
    REQUIRE(r->sequence().value == at);
    REQUIRE(r->text() == text_of(at));
    ++at;
  }
  REQUIRE((at == published + 1 || l.first_sequence().value > at));  // likewise
}

/// Until something fails.
void live(log& l, elsewhere& other, std::mt19937_64& random) {
  const std::uint64_t records = 40 + random() % 80;
  for (std::uint64_t i = 0; i < records; ++i) {
    const auto s = l.append(text_of(l.published_sequence().value + 1));
    if (!s) return;
    const auto what = random() % 24;
    if (what == 0) static_cast<void>(l.checkpoint());
    if (what == 1) static_cast<void>(l.sync());
    if (what == 2 && s->value > 30) {
      other.note_trim(s->value - 20);
      static_cast<void>(l.trim_before({s->value - 20}));
    }
    if (what == 3) static_cast<void>(l.retain({.max_segments = 3}));
  }
}

}  // namespace

TEST_CASE("however a life ends, positions are not beyond what was saved, and nothing is gone that nobody has",
          "[power][checkpoint][archive][G2][slow]") {
  std::uint64_t saves = 0, copies = 0, drops = 0, crashes = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    memory_os::reset();
    memory_os::seed_random(seed);
    std::mt19937_64 random{seed};
    elsewhere other{seed};
    for (int life = 0; life < 6; ++life) {
      {
        auto l = log::open(directory, other.options(true));
        INFO((l ? std::string{} : l.error().message()));
        REQUIRE(l.has_value());
        check(*l, other);
        if (random() % 4 != 0) memory_os::crash_at_call(1 + random() % 300, memory_os::changing_calls);
        live(*l, other, random);
        crashes += memory_os::crashed() ? 1U : 0U;
      }
      if (random() % 2 == 0) {
        memory_os::process_death();
      } else {
        memory_os::power_loss(random());
      }
    }
    auto l = log::open(directory, other.options(false));
    REQUIRE(l.has_value());
    check(*l, other);
    REQUIRE(l->append(text_of(l->published_sequence().value + 1)).has_value());
    REQUIRE(l->checkpoint().has_value());
    REQUIRE(l->trim_before(l->published_sequence() + 1).has_value());
    check(*l, other);
    CHECK(other.archived() == l->published_sequence().value);
    REQUIRE(l->close().has_value());
    saves += other.saves;
    copies += other.copies;
    drops += other.drops;
  }
  memory_os::reset();
  INFO(saves << " saves, " << copies << " copies, " << drops << " drops, " << crashes << " crashes inside of calls");
  CHECK(saves > 300);
  CHECK(copies > 600);
  CHECK(drops > 300);
  CHECK(crashes > 30);  // which ones come depends on the threads in the background
}

TEST_CASE("a position that cannot be written is not told, and the work is done again", "[power][checkpoint][archive][G2]") {
  memory_os::reset();
  elsewhere other{1};
  auto options = other.options(false);
  options.checkpoint.after_bytes = 0;
  options.archive = {};
  auto l = log::open(directory, options);
  REQUIRE(l.has_value());
  REQUIRE(l->append(text_of(1)).has_value());
  REQUIRE(l->sync().has_value());
  memory_os::fail({.calls = call::write_at, .number = EIO, .nth = 1, .name = "varve.state"});
  const auto no = l->checkpoint();
  REQUIRE_FALSE(no.has_value());
  CHECK(no.error().code() == errc::io);
  CHECK(l->checkpointed_sequence() == sequence{0});
  CHECK(*l->checkpoint() == sequence{1});
  CHECK(other.saves == 2);
  const auto image = memory_os::snapshot();
  REQUIRE(l->close().has_value());
  memory_os::restore(image);
  memory_os::power_loss(1, {.bytes = memory_os::fate::lost});
  {
    const auto again = log::open(directory, options);
    REQUIRE(again.has_value());
    CHECK(again->checkpointed_sequence() == sequence{1});
  }
  memory_os::reset();
}

TEST_CASE("an archive position that cannot be written holds the trim, and the hook is not asked twice",
          "[power][archive][trim][G2]") {
  memory_os::reset();
  elsewhere other{1};
  auto options = other.options(false);
  options.checkpoint = {};
  auto l = log::open(directory, options);
  REQUIRE(l.has_value());
  for (std::uint64_t s = 1; s <= 10; ++s) REQUIRE(l->append(text_of(s)).has_value());
  // Until it is healed: the first attempt is made in the background, perhaps before the trim asks for one.
  memory_os::fail({.calls = call::write_at, .number = EIO, .for_ever = true, .name = "varve.state"});
  other.note_trim(11);
  const auto no = l->trim_before({11});
  REQUIRE_FALSE(no.has_value());
  CHECK(no.error().code() == errc::io);
  CHECK(l->first_sequence() == sequence{1});
  CHECK(other.drops == 0);
  memory_os::heal();
  CHECK(l->trim_before({11}).has_value());
  CHECK(l->first_sequence() == sequence{11});
  CHECK(other.copies == other.drops);
  REQUIRE(l->close().has_value());
  memory_os::reset();
}

TEST_CASE("after a failure to make records durable nothing more is saved", "[power][checkpoint][G2]") {
  memory_os::reset();
  elsewhere other{1};
  auto options = other.options(false);
  options.checkpoint.after_bytes = 0;
  {
    auto l = log::open(directory, options);
    REQUIRE(l.has_value());
    REQUIRE(l->append(text_of(1)).has_value());
    memory_os::fail({.calls = call::sync_range, .number = EIO, .nth = 1, .name = ".seg"});
    const auto no = l->checkpoint();
    REQUIRE_FALSE(no.has_value());
    CHECK(no.error().code() == errc::sync_failed);
    CHECK(l->checkpoint().error().code() == errc::sync_failed);
    CHECK(other.saves == 0);
  }
  memory_os::reset();
}

}  // namespace varve::testing
