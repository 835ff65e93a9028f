// SPDX-License-Identifier: MIT
//
// functions.cpp - a C user's functions as the C++ interface calls them. Layer capi.
#include "capi/handles.hpp"
#include "capi/options.hpp"

namespace varve::capi {
namespace {

template <class Function>
auto segment_function(Function call, void* user) {
  return [call, user](const sealed_segment& s) {
    const varve_sealed_segment shown{.size = sizeof(varve_sealed_segment),
                                     .number = s.number,
                                     .first_sequence = s.sequences.first.value,
                                     .end_sequence = s.sequences.end.value,
                                     .used_bytes = s.used_bytes,
                                     .directory = s.directory.c_str(),
                                     .path = s.path.c_str()};
    return call(user, &shown);
  };
}

recovery_handler::choice choice_of(int yes) noexcept {
  return yes != 0 ? recovery_handler::choice::recover : recovery_handler::choice::skip;
}

void set_recovery(const varve_log_options& given, recovery_handler& to) {
  void* const user = given.user;
  if (given.recover_segment != nullptr)
    to.segment = [call = given.recover_segment, user](const recovered_segment& s) {
      const varve_recovered_segment shown{.size = sizeof(varve_recovered_segment),
                                          .number = s.number,
                                          .first_sequence = s.sequences.first.value,
                                          .end_sequence = s.sequences.end.value,
                                          .version_info = s.version_info.data(),
                                          .version_info_bytes = s.version_info.size()};
      return choice_of(call(user, &shown));
    };
  if (given.recover_record != nullptr)
    to.record = [call = given.recover_record, user](const record& r) {
      const varve_record lent = shown(r);
      return call(user, &lent) != 0;
    };
}

}  // namespace

void set_functions(const varve_log_options& given, log_options& o) {
  void* const user = given.user;
  if (given.checkpoint_after_bytes != 0)
    o.checkpoint.after_bytes = given.checkpoint_after_bytes == VARVE_ON_REQUEST ? 0 : given.checkpoint_after_bytes;
  if (given.save != nullptr)
    o.checkpoint.save = [call = given.save, user](const checkpoint_request& r) {
      varve_reader lent{std::move(r.records), std::nullopt};
      return call(user, &lent, r.first.value, r.last.value) != 0;
    };
  if (given.segment_sealed != nullptr)
    o.archive.sealed = [call = segment_function(given.segment_sealed, user)](const sealed_segment& s) {
      return call(s) != 0;
    };
  if (given.segment_dropping != nullptr) o.archive.dropping = segment_function(given.segment_dropping, user);
  set_recovery(given, o.on_recovery);
}

}  // namespace varve::capi
