// SPDX-License-Identifier: MIT
//
// A recovery that accepts a loss is stopped at any of its calls, by the death of the process or of the machine, and begun
// again: what can be read is never less, and no sequence is given out twice.
#include <string>

#include <varve/varve.hpp>

#include "format/layout.hpp"
#include "support/catch.hpp"
#include "support/memory_os.hpp"

namespace varve::testing {
namespace {

constexpr const char* directory = "copy";
constexpr std::uint64_t records = 12;  // three to a segment
const log_options accepting{.recovery = recovery_mode::accept_loss, .prepared_segments = 1, .spare_segments = 0};

std::string text_of(std::uint64_t s) { return std::to_string(s) + std::string(19'000, 'x'); }

std::string segment_path(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string{directory} + '/' + std::string(20 - digits.size(), '0') + digits + ".seg";
}

/// A copy without its second segment, and with a record of the third one spoiled.
void make_copy_with_losses() {
  memory_os::reset();
  {
    auto l = log::open("log", {.segment_bytes = 64 * 1024, .prepared_segments = 1, .spare_segments = 0});
    REQUIRE(l);
    for (std::uint64_t s = 1; s <= records; ++s) REQUIRE(l->append(text_of(s)));
    REQUIRE(l->close().has_value());
  }
  memory_os::copy_directory("log", directory);
  const std::byte flipped{0xff};
  memory_os::overwrite(segment_path(3), format::segment_header_bytes + 20'000, {&flipped, 1});
  std::vector<std::byte> nothing;
  memory_os::put(segment_path(2), nothing);
}

constexpr std::string_view left = "123!!!7!9ABC";

template <class Log>
std::string seen(const Log& l) {
  std::string all;
  for (std::uint64_t s = 1; s <= records; ++s) {
    const auto r = l.read({s});
    const char digit = "0123456789ABC"[s];
    all += !r ? (r.error().code() == errc::damaged ? '!' : '?') : r->text() == text_of(s) ? digit : '#';
  }
  return all;
}

void check() {
  // Without the word it is refused, or done already.
  if (auto l = log::open(directory); l) {
    CHECK(seen(*l) == left);
  } else {
    CHECK((l.error().code() == errc::incomplete || l.error().code() == errc::damaged));
  }
  {
    auto l = log::open(directory, accepting);
    INFO((l ? std::string{} : l.error().message()));
    REQUIRE(l);
    REQUIRE(seen(*l) == left);
    REQUIRE(l->append("and more")->value >= records + 1);
    REQUIRE(l->close().has_value());
  }
  auto l = log::open(directory);
  REQUIRE(l);
  REQUIRE(seen(*l) == left);
}

}  // namespace

TEST_CASE("wherever a recovery that accepts a loss is stopped, the next one keeps as much",
          "[power][recovery][rot][G2][G5]") {
  make_copy_with_losses();
  const auto image = memory_os::snapshot();
  std::uint64_t stops = 0;
  for (std::uint64_t nth = 1;; ++nth) {
    bool was_reached = false;
    for (const bool power : {false, true}) {
      INFO("stopped before changing call " << nth << (power ? ", power lost" : ""));
      memory_os::restore(image);
      memory_os::seed_random(2 * nth + (power ? 1 : 0));
      memory_os::crash_at_call(nth, memory_os::changing_calls);
      static_cast<void>(log::open(directory, accepting));
      was_reached = memory_os::crashed();
      power ? memory_os::power_loss(nth) : memory_os::process_death();
      check();
    }
    stops += was_reached ? 1 : 0;
    if (!was_reached) break;
  }
  CHECK(stops > 20);
  memory_os::reset();
}

}  // namespace varve::testing
