// SPDX-License-Identifier: MIT
//
// own_thread.hpp - is this thread one of those in which a log calls its user's functions? Layer log.
//
// Such a function may use the log; but what waits for that very thread would wait for ever. Each thread sees its own mark
// alone, so there is nothing to order.
#pragma once

namespace varve::core::own_thread {

/// The archivist, or the checkpointer, whose thread this is; none elsewhere.
inline thread_local const void* of = nullptr;

}  // namespace varve::core::own_thread
