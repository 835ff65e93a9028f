// SPDX-License-Identifier: MIT
//
// The README's example. The lines between the two marks are the ones that stand there; a test compares them.
// -- begin
#include <cstdio>

#include <varve/varve.hpp>

int main() {
  auto log = varve::log::open("orders");  // made if nothing is there
  if (!log) return std::puts(log.error().message().c_str()), 1;

  auto first = log->append("one order");  // survives kill -9 from here on
  auto paid = log->append("and its payment", {.type = 7, .durability = varve::immediate()});  // and power loss
  if (!first || !paid) return 1;

  for (const auto& record : log->records(*first)) {                      // zero-copy views of the mapped file
    if (!record) return std::puts(record.error().message().c_str()), 1;  // damage is an error, never the end
    std::printf("%llu %.*s\n", static_cast<unsigned long long>(record->sequence().value),
                static_cast<int>(record->text().size()), record->text().data());
  }
  return log->close() ? 0 : 1;
}
// -- end
