// SPDX-License-Identifier: MIT
//
// rebuild_state.hpp - `varve recover --rebuild-state`: varve.state and varve.meta out of the segments. Layer tool.
#pragma once

#include <cstdint>
#include <string>

#include "cli/exit_code.hpp"
#include "cli/output.hpp"

namespace varve::cli {

struct rebuild_wish {
  std::string directory;
  std::uint32_t threads = 1;
  bool dry_run = false, json = false;
};

/// Throws  failure, if it is not proved to be safe; nothing was changed.
exit_code rebuild_lost_state(const rebuild_wish& wish, output& out);

}  // namespace varve::cli
