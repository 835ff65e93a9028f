// SPDX-License-Identifier: MIT
//
// judge.hpp - the oracle: what may be, and must be, answered by whoever reads, opens or rescues what a scene holds.
//
//   - No wrong bytes: a record that is handed out was appended under its sequence, and nothing says that it was removed.
//   - Nothing is lost in silence: whatever the files prove to have been durable is handed out, or it is named.
//   - What is whole is not given up: by a salvage never, by an open that accepts a loss only with its batch.
//   - Nothing that promises so changes a byte, and whoever looks twice sees the same.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include <varve/varve.hpp>

#include "rescue/proof.hpp"
#include "rescue/reading.hpp"
#include "rescue/recipe.hpp"

namespace varve::testing::rescue {

/// What came of a case.
struct outcome {
  bool opened = false, accepted = false;
  errc refusal{};  // if it was not opened
  std::uint64_t saved = 0, missing = 0, removed = 0, given_up = 0;
};

class judge {
 public:
  explicit judge(const scene& s);

  /// All verbs. Throws  violation
  outcome run(dice& random);

  /// The directory of the scene, for other means of looking at it.
  [[nodiscard]] const scene& of() const noexcept { return scene_; }
  /// True if a record may be handed out by a log that is open, or by a view.
  [[nodiscard]] bool is_right(std::uint64_t sequence, const written& w) const;

 private:
  // judge_looking.cpp
  void look_on();
  void look_by_view();
  void look_by_verify();
  void look_by_salvage();
  void look_by_backup();
  void check_saved(std::uint64_t sequence, const written& w, bool trim_point_known) const;
  [[nodiscard]] salvage_report salvage_once(std::map<std::uint64_t, written>& saved, std::set<std::uint64_t>& named) const;

  // judge_opening.cpp
  void open_plainly();
  void open_accepting();
  void trim_strictly(dice& random);
  void truncate_strictly(dice& random);
  void rebuild_indexes_strictly();
  template <class Verb>
  void change_strictly(const char* what, Verb verb);
  void check_refused(const error& e, const char* what) const;

  void check_unchanged(const char* what) const;
  void check_right(const reading& all, const char* who) const;
  /// `is_named`: something else says that the end, or all of it, is not what it was.
  void check_complete(const reading& all, const char* who, bool is_named) const;
  [[nodiscard]] bool must_open() const;
  /// True if neither meta nor state nor any segment says that this is a log.
  [[nodiscard]] bool is_nothing() const;
  /// Sequences that some file proves to have been durable: [first, end).
  [[nodiscard]] std::uint64_t first_proved() const noexcept;
  [[nodiscard]] std::uint64_t end_proved() const noexcept;
  [[nodiscard]] std::string path() const { return stage::path(scene_.directory); }

  const scene& scene_;
  proof proof_;                              // of what is there now
  bool state_is_older_ = false;              // the newest one was lost with both its copies
  std::map<std::uint64_t, written> intact_;  // records that stand whole where they stood
  outcome outcome_;
  std::optional<reading> viewed_;
  bool is_whole_ = false;  // verify() says so
};

}  // namespace varve::testing::rescue
