// SPDX-License-Identifier: MIT
//
// options.hpp - the options of varve.h as those of the C++ interface. Layer capi.
#pragma once

#include <optional>

#include <varve/log_view.hpp>
#include <varve/options.hpp>
#include <varve/varve.h>

namespace varve::capi {

/// Nothing if they cannot be understood: bad_option.
[[nodiscard]] std::optional<log_options> options_of(const varve_log_options* given);
[[nodiscard]] std::optional<append_options> options_of(const varve_append_options* given) noexcept;
[[nodiscard]] std::optional<retention_rules> options_of(const varve_retention_rules* given) noexcept;
[[nodiscard]] std::optional<verify_options> options_of(const varve_verify_options* given, void* user);
[[nodiscard]] std::optional<state_rebuild_options> options_of(const varve_rebuild_options* given, void* user);
[[nodiscard]] std::optional<view_options> options_of(const varve_view_options* given) noexcept;

/// The functions that a log calls while it works.
void set_functions(const varve_log_options& given, log_options& o);

}  // namespace varve::capi
