// SPDX-License-Identifier: MIT
//
// varve.h: functions of the user's that a log calls.
#include <cstring>
#include <string>
#include <thread>

#include <varve/varve.h>
#include <varve/varve.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace varve::testing {
namespace {

/// What the functions were told, and what they answer.
struct told {
  std::string saved{}, sealed{}, dropped{}, replayed{};
  int answer = 1;
  std::string stops_at{};  // a record at which the replay ends
};

int save(void* user, varve_reader* records, std::uint64_t first, std::uint64_t last) {
  auto& t = *static_cast<told*>(user);
  if (t.answer == 0) return 0;
  expect(varve_reader_position(records) == first);
  varve_record r{};
  while (varve_reader_position(records) <= last && varve_reader_next(records, &r) == VARVE_OK)
    t.saved += std::string{static_cast<const char*>(r.data), 1};
  return 1;
}
std::string text_of(const varve_sealed_segment& s) {
  expect(s.size == sizeof s && std::strncmp(s.path, s.directory, std::strlen(s.directory)) == 0 && s.used_bytes > 4096);
  return std::to_string(s.first_sequence) + '-' + std::to_string(s.end_sequence) + ' ';
}
int sealed(void* user, const varve_sealed_segment* s) {
  auto& t = *static_cast<told*>(user);
  if (t.answer != 0) t.sealed += text_of(*s);
  return t.answer;
}
void dropping(void* user, const varve_sealed_segment* s) { static_cast<told*>(user)->dropped += text_of(*s); }
int recover_segment(void* user, const varve_recovered_segment* s) {
  auto& t = *static_cast<told*>(user);
  t.replayed += '[' + std::string{s->version_info, s->version_info_bytes} + std::to_string(s->first_sequence) + '-' +
                std::to_string(s->end_sequence) + ']';
  return s->first_sequence != 3 ? 1 : 0;
}
int recover_record(void* user, const varve_record* r) {
  auto& t = *static_cast<told*>(user);
  t.replayed.append(static_cast<const char*>(r->data), 1);
  return t.replayed.back() != t.stops_at.front() ? 1 : 0;
}

void append(varve_log* log, std::string payload, std::size_t bytes) {
  payload.resize(bytes, '.');
  REQUIRE(varve_log_append(log, payload.data(), payload.size(), nullptr, nullptr) == VARVE_OK);
}

}  // namespace

TEST_CASE("C: functions save, archive and replay", "[capi][checkpoint][archive][recovery]") {
  const temp_dir dir;
  told t{.stops_at = "z"};
  VARVE_SIZED(varve_log_options, options);
  options.segment_bytes = 64 * 1024;
  options.user = &t;
  options.version_info = "v";
  options.version_info_bytes = 1;
  options.checkpoint_after_bytes = VARVE_ON_REQUEST;
  options.save = save;
  options.segment_sealed = sealed;
  options.segment_dropping = dropping;
  options.recover_segment = recover_segment;
  options.recover_record = recover_record;
  varve_log* log = nullptr;
  REQUIRE(varve_log_open(dir.path().c_str(), &options, &log) == VARVE_OK);
  append(log, "a", 30'000);
  append(log, "b", 30'000);
  append(log, "c", 30'000);  // in the second segment
  append(log, "d", 30'000);
  append(log, "e", 30'000);  // in the third
  std::uint64_t position = 0;
  t.answer = 0;
  CHECK(varve_log_checkpoint(log, &position) == VARVE_CANCELLED);
  t.answer = 1;
  REQUIRE(varve_log_trim_before(log, 2) == VARVE_OK);
  CHECK(varve_log_checkpointed_sequence(log) == 1);
  CHECK(t.saved.empty());
  CHECK(t.dropped.empty());
  REQUIRE(varve_log_close(log) == VARVE_OK);
  varve_log_free(log);

  REQUIRE(varve_log_open(dir.path().c_str(), &options, &log) == VARVE_OK);
  CHECK(t.replayed == "[v2-3]b[v3-5][v5-6]e");
  REQUIRE(varve_log_checkpoint(log, &position) == VARVE_OK);
  CHECK(position == 5);
  CHECK(t.saved == "bcde");
  REQUIRE(varve_log_trim_before(log, 5) == VARVE_OK);
  CHECK(t.sealed.starts_with("1-3 3-5 "));
  CHECK(t.dropped == "1-3 3-5 ");
  CHECK(varve_log_archived_sequence(log) == 4);
  append(log, "x", 100);
  append(log, "z", 100);
  REQUIRE(varve_log_checkpoint(log, nullptr) == VARVE_OK);
  append(log, "z", 100);
  varve_log_free(log);
  t.replayed.clear();
  CHECK(varve_log_open(dir.path().c_str(), &options, &log) == VARVE_CANCELLED);
  CHECK(t.replayed == "[v8-9]z");

  varve_view* view = nullptr;
  REQUIRE(varve_view_open(dir.path().c_str(), nullptr, &view) == VARVE_OK);
  VARVE_SIZED(varve_description, d);
  REQUIRE(varve_view_describe(view, &d) == VARVE_OK);
  CHECK(d.checkpointed == 7);
  CHECK(d.archived >= 4);
  varve_view_free(view);
}

}  // namespace varve::testing
