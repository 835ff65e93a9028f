// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <new>

#include "capi/error.hpp"
#include "capi/handles.hpp"

using namespace varve;

namespace varve::capi {

int give(result<pinned_record> read, varve_record* record, varve_pin** pin) {
  return guarded([&] {
    if (!read) return remember(read.error());
    *pin = new varve_pin{std::move(*read)};
    if (record != nullptr) *record = shown((*pin)->record);
    return static_cast<int>(VARVE_OK);
  });
}

int give_copy(const result<pinned_record>& read, void* buffer, std::size_t capacity, varve_record* record) noexcept {
  return taken(read, [&](const pinned_record& r) {
    if (const auto bytes = std::min(capacity, r.payload().size()); bytes != 0)
      std::memcpy(buffer, r.payload().data(), bytes);
    *record = shown(r);
    record->data = buffer;
  });
}

int give(result<reader> made, varve_reader** reader) {
  return guarded([&] {
    if (!made) return remember(made.error());
    *reader = new varve_reader{std::move(*made), std::nullopt};
    return static_cast<int>(VARVE_OK);
  });
}

}  // namespace varve::capi

void varve_pin_free(varve_pin* pin) { delete pin; }

int varve_reader_next(varve_reader* reader, varve_record* record) {
  auto found = reader->reader.next();
  reader->last.reset();
  if (!found) return capi::remember(found.error());
  if (!*found) return VARVE_NOTHING;
  reader->last = **found;
  *record = capi::shown(**found);
  return VARVE_OK;
}

int varve_reader_pin(const varve_reader* reader, varve_pin** pin) {
  if (!reader->last) return VARVE_NOTHING;
  return capi::give(reader->last->pin(), nullptr, pin);
}

int varve_reader_seek(varve_reader* reader, uint64_t target) {
  const int code = capi::done(reader->reader.seek({target}));
  if (code == VARVE_OK) reader->last.reset();
  return code;
}

int varve_reader_seek_time(varve_reader* reader, int64_t time_ns) {
  const int code = capi::done(reader->reader.seek_time(capi::time_of(time_ns)));
  if (code == VARVE_OK) reader->last.reset();
  return code;
}

int varve_reader_wait(varve_reader* reader, int64_t timeout_ns) {
  return capi::there(reader->reader.wait(capi::deadline_of(timeout_ns)));
}

uint64_t varve_reader_position(const varve_reader* reader) { return reader->reader.position().value; }
void varve_reader_free(varve_reader* reader) { delete reader; }
