// SPDX-License-Identifier: MIT
//
// A consumer of varve in C++: appends, reads back, and finds that no directory is no log.
#include <cstdio>

#include <varve/varve.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto log = varve::log::open(argv[1]);
  if (!log) return std::puts(log.error().message().c_str()), 1;
  const auto first = log->append("from C++");
  if (!first || log->read(*first)->text() != "from C++") return 1;
  const auto view = varve::log_view::open(argv[1]);
  if (!view || view->published_sequence() != *first) return 1;
  const auto nowhere = varve::log_view::open("/nonexistent");
  if (nowhere || varve::name_of(nowhere.error().code()) != "not_found") return 1;
  return log->close() ? 0 : 1;
}
