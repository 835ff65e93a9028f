// SPDX-License-Identifier: MIT
//
// saving.hpp - hands a log's records to its user's functions: those of a checkpoint, and of a replay at open. Layer api.
#pragma once

#include <varve/options.hpp>

#include "writer/log_object.hpp"

namespace varve::core {

/// What log_object needs of this layer for these options. May throw std::bad_alloc.
[[nodiscard]] reading_layer reading_for(const log_options& options);

}  // namespace varve::core
