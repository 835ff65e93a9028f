// SPDX-License-Identifier: MIT
//
// recorder DIRECTORY        records what comes from standard input, as it comes
// recorder DIRECTORY play   writes it out again
//
// Each read(2) goes straight into the log: a claim gives the place where the record will stand, and the kernel fills it.
// Nothing is copied in between. The time between two records is kept in front of each.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <varve/varve.hpp>

namespace {

using clock_type = std::chrono::steady_clock;

constexpr std::size_t piece_bytes = 64 * 1024;

int failed(const char* what) { return std::fprintf(stderr, "recorder: %s\n", what), 1; }

int record(const char* directory) {
  // At most a tenth of a second of the recording is lost with the power, nothing with the process.
  auto log = varve::log::open(directory, {.durability = varve::periodic(std::chrono::milliseconds{100})});
  if (!log) return failed(log.error().message().c_str());
  auto before = clock_type::now();
  for (;;) {
    // As much as may come; what does not come is space lost, so a recorder of short messages would claim less.
    // Not to be held for long: whatever others append meanwhile is not published before it. A recorder with several sources
    // would wait with poll() first.
    auto claim = log->claim(sizeof(std::int64_t) + piece_bytes);
    if (!claim) return failed(claim.error().message().c_str());
    const ssize_t got = ::read(STDIN_FILENO, claim->bytes().data() + sizeof(std::int64_t), piece_bytes);
    if (got < 0) return failed(std::strerror(errno));  // the claim is abandoned
    if (got == 0) break;
    const auto now = clock_type::now();
    const std::int64_t pause = (now - before) / std::chrono::nanoseconds{1};
    before = now;
    std::memcpy(claim->bytes().data(), &pause, sizeof pause);
    const auto published = claim->publish(sizeof pause + static_cast<std::size_t>(got));  // no more than what came
    if (!published) return failed(published.error().message().c_str());
  }
  const auto closed = log->close();
  return closed ? 0 : failed(closed.error().message().c_str());
}

int play(const char* directory) {
  const auto view = varve::log_view::open(directory);
  if (!view) return failed(view.error().message().c_str());
  for (const auto& record : view->records()) {
    if (!record) return failed(record.error().message().c_str());
    if (record->payload().size() < sizeof(std::int64_t)) return failed("this log is no recording");
    const auto bytes = record->payload().subspan(sizeof(std::int64_t));
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) return failed(std::strerror(errno));
  }
  return std::fflush(stdout) == 0 ? 0 : failed(std::strerror(errno));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return record(argv[1]);
  if (argc == 3 && std::string_view{argv[2]} == "play") return play(argv[1]);
  return std::fputs("usage: recorder DIRECTORY [play]\n", stderr), 2;
}
