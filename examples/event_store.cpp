// SPDX-License-Identifier: MIT
//
// event_store DIRECTORY append TYPE TEXT    appends an event, and prints its number
// event_store DIRECTORY follow [COUNT]      prints events as they come, the old ones first, until COUNT are printed
//
// One process appends, any number of others follow: through views, which the writer never waits for. A follower may be
// started before the first event, and goes on when the writer dies and comes back.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include <varve/varve.hpp>

namespace {

using namespace std::chrono_literals;

int failed(const varve::error& e) { return std::fprintf(stderr, "event_store: %s\n", e.message().c_str()), 1; }

int append(const char* directory, std::uint16_t type, std::string_view text) {
  auto log = varve::log::open(directory);
  if (!log) return failed(log.error());
  const auto at = log->append(text, {.type = type, .durability = varve::immediate()});
  if (!at) return failed(at.error());
  std::printf("%llu\n", static_cast<unsigned long long>(at->value));
  const auto closed = log->close();
  return closed ? 0 : failed(closed.error());
}

varve::result<varve::log_view> await_log(const char* directory) {
  for (;;) {
    auto view = varve::log_view::open(directory);
    if (view || view.error().code() != varve::errc::not_found) return view;
    std::this_thread::sleep_for(100ms);
  }
}

int follow(const char* directory, unsigned long count) {
  const auto view = await_log(directory);
  if (!view) return failed(view.error());
  auto reader = view->reader();
  if (!reader) return failed(reader.error());
  while (count > 0) {
    const auto there = reader->wait(std::chrono::steady_clock::now() + 10s);
    if (!there) return failed(there.error());
    if (!*there) continue;
    const auto event = reader->next();
    if (!event) return failed(event.error());
    const auto text = (*event)->text();
    std::printf("%llu %u %.*s\n", static_cast<unsigned long long>((*event)->sequence().value), unsigned{(*event)->type()},
                static_cast<int>(text.size()), text.data());
    std::fflush(stdout);
    --count;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 2 ? argv[2] : "";
  if (verb == "append" && argc == 5) return append(argv[1], static_cast<std::uint16_t>(std::atoi(argv[3])), argv[4]);
  if (verb == "follow" && argc <= 4) return follow(argv[1], argc == 4 ? std::strtoul(argv[3], nullptr, 10) : -1UL);
  return std::fputs("usage: event_store DIRECTORY append TYPE TEXT | follow [COUNT]\n", stderr), 2;
}
