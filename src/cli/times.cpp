// SPDX-License-Identifier: MIT

#include "cli/times.hpp"

#include <chrono>
#include <limits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/failure.hpp"
#include "cli/sizes.hpp"

namespace varve::cli {
namespace {

using namespace std::chrono;
using days_of = sys_time<days>;

constexpr std::int64_t second_ns = 1'000'000'000;

/// What is left of a text that is read from its beginning; every member takes a part of it, or takes nothing.
class rest {
 public:
  explicit rest(std::string_view text) noexcept : text_(text) {}
  [[nodiscard]] bool is_empty() const noexcept { return text_.empty(); }
  [[nodiscard]] bool take(char c) noexcept {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// Just so many digits.
  [[nodiscard]] std::optional<int> take_number(std::size_t digits) noexcept {
    const auto number = text_.size() < digits ? std::nullopt : parse_number(text_.substr(0, digits));
    if (number) text_.remove_prefix(digits);
    return number ? std::optional{static_cast<int>(*number)} : std::nullopt;
  }
  /// One to nine digits behind a point, as nanoseconds; 0 without a point.
  [[nodiscard]] std::optional<std::int64_t> take_fraction() noexcept {
    if (!take('.')) return 0;
    std::int64_t ns = 0, unit = second_ns;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      unit /= 10;
      if (unit == 0) return std::nullopt;
      ns += (text_.front() - '0') * unit;
      text_.remove_prefix(1);
    }
    return unit == second_ns ? std::nullopt : std::optional{ns};
  }

 private:
  std::string_view text_;
};

std::optional<std::int64_t> together(std::int64_t seconds_since_1970, std::int64_t ns) noexcept {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / second_ns - 1;
  if (seconds_since_1970 < -most || seconds_since_1970 > most) return std::nullopt;
  return seconds_since_1970 * second_ns + ns;
}

std::optional<std::int64_t> parse_seconds(std::string_view text) noexcept {
  const std::size_t point = std::min(text.find('.'), text.size());
  const auto whole = parse_number(text.substr(0, point));
  rest r{text.substr(point)};
  const auto ns = r.take_fraction();
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  if (!whole || *whole > most || !ns || !r.is_empty()) return std::nullopt;
  return together(static_cast<std::int64_t>(*whole), *ns);
}

/// Minutes east of Greenwich.
std::optional<int> take_zone(rest& r) noexcept {
  if (r.is_empty() || r.take('Z') || r.take('z')) return 0;
  const bool is_east = r.take('+');
  if (!is_east && !r.take('-')) return std::nullopt;
  const auto h = r.take_number(2);
  static_cast<void>(r.take(':'));
  const auto min = r.is_empty() ? std::optional{0} : r.take_number(2);
  if (!h || !min || *h > 23 || *min > 59) return std::nullopt;
  return (is_east ? 1 : -1) * (*h * 60 + *min);
}

std::optional<sys_seconds> take_day(rest& r) noexcept {
  const auto y = r.take_number(4);
  const bool first = r.take('-');
  const auto m = r.take_number(2);
  const bool second = r.take('-');
  const auto d = r.take_number(2);
  if (!y || !first || !m || !second || !d) return std::nullopt;
  const year_month_day day{year{*y}, month{static_cast<unsigned>(*m)}, std::chrono::day{static_cast<unsigned>(*d)}};
  if (!day.ok()) return std::nullopt;
  return days_of{day};
}

}  // namespace

std::string time_text(std::int64_t ns) {
  const sys_time<nanoseconds> time{nanoseconds{ns}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss<nanoseconds> clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::optional<std::int64_t> parse_time(std::string_view text) noexcept {
  if (const auto plain = parse_seconds(text)) return plain;
  rest r{text};
  const auto day = take_day(r);
  if (!day) return std::nullopt;
  if (r.is_empty()) return together(day->time_since_epoch().count(), 0);
  if (!r.take('T') && !r.take('t') && !r.take(' ')) return std::nullopt;
  const auto h = r.take_number(2);
  const bool is_clock = r.take(':');
  const auto min = r.take_number(2);
  const bool has_seconds = r.take(':');
  const auto s = has_seconds ? r.take_number(2) : std::optional{0};
  const auto ns = has_seconds ? r.take_fraction() : std::optional<std::int64_t>{0};
  const auto zone = take_zone(r);
  if (!h || !is_clock || !min || !s || !ns || !zone || !r.is_empty()) return std::nullopt;
  if (*h > 23 || *min > 59 || *s > 59) return std::nullopt;
  return together((*day + hours{*h} + minutes{*min - *zone} + seconds{*s}).time_since_epoch().count(), *ns);
}

CLI::Validator a_time() {
  return {[](std::string& text) -> std::string {
            const auto ns = parse_time(text);
            if (!ns) return fmt::format("{} is not a time; write 2026-11-28T09:00:00Z, or seconds since 1970", text);
            text = fmt::format("{}", *ns);
            return {};
          },
          ""};
}

void check_times(const log_view& view, const std::string& directory) {
  if (take(view.describe()).record_times) return;
  throw usage_failure("no_times", fmt::format("{}: the log keeps no times; they are chosen when it is made", directory));
}

}  // namespace varve::cli
