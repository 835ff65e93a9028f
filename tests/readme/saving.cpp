// SPDX-License-Identifier: MIT
//
// saving.cpp - the README's example of what goes once it is saved elsewhere, between the two marks, and what runs it.
// -- begin
#include <varve/varve.hpp>

/// `snapshot` has `save(reader&, last)` and `apply(record)`, both bool; `archive` has `copy(path)`, bool.
template <class Snapshot, class Archive>
varve::result<varve::log> open_store(const char* directory, Snapshot& snapshot, Archive& archive) {
  varve::log_options options;
  // At open: what the last checkpoint does not hold.
  options.on_recovery.record = [&](const varve::record& r) { return snapshot.apply(r); };
  // Now and then, in a thread of the log's own. After `true` what was saved may go, and is not replayed again.
  options.checkpoint.save = [&](const varve::checkpoint_request& r) { return snapshot.save(r.records, r.last); };
  // Each complete segment; nothing goes before a copy of it is safe.
  options.archive.sealed = [&](const varve::sealed_segment& s) { return archive.copy(s.path); };
  return varve::log::open(directory, options);
}
// -- end

#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

struct memory {
  std::string saved{}, applied{};

  bool save(varve::reader& records, varve::sequence last) {
    while (records.position() <= last) {
      const auto record = records.next();
      if (!record || !*record) return false;
      saved += (*record)->text();
    }
    return true;
  }
  bool apply(const varve::record& r) {
    applied += r.text();
    return true;
  }
};

struct nowhere {
  bool copy(const std::filesystem::path&) { return true; }
};

}  // namespace

int main() {
  const auto directory = std::filesystem::current_path() / "readme_saving_log";
  std::filesystem::remove_all(directory);
  memory m;
  nowhere n;
  {
    auto log = open_store(directory.c_str(), m, n);
    if (!log || !log->append("a") || !log->checkpoint() || !log->append("b")) return EXIT_FAILURE;
  }
  const auto log = open_store(directory.c_str(), m, n);
  return log && m.saved == "a" && m.applied == "b" ? EXIT_SUCCESS : EXIT_FAILURE;
}
