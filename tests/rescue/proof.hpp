// SPDX-License-Identifier: MIT
//
// proof.hpp - what the bytes of a directory prove, read by docs/format.md and by nothing of the code that is tested: what
// was durable, where records stand, and which of them a decision removed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/live.hpp"
#include "format/meta.hpp"
#include "format/segment_header.hpp"
#include "format/state.hpp"
#include "rescue/history.hpp"
#include "rescue/stage.hpp"

namespace varve::testing::rescue {

struct proved_segment {
  std::string name;
  std::uint64_t number = 0;  // by the name
  std::optional<format::identity> identity{};
  std::optional<format::activation> activation{};
  std::optional<format::end> end{};    // that belongs to the activation
  std::optional<format::seal> seal{};  // likewise, and says what the end says
};

/// Where a frame stands.
struct frame_at {
  std::string file;
  std::uint64_t offset = 0, extent = 0, sequence = 0;
};

class proof {
 public:
  explicit proof(const file_set& files);

  std::optional<format::meta> meta{};
  std::optional<format::state> state{};  // the newest
  bool lacks_slot = false;    // its file was cut short, and no copy of a slot is left: that is as if it were missing
  std::uint64_t first = 1;    // the trim point; 1 if nothing says it
  std::uint64_t durable = 0;  // up to here the log was durable, whatever is missing now
  std::vector<proved_segment> segments;

  /// Who asks what was removed. A salvage weighs all that it finds. An open follows the chain, which knows of truncations,
  /// and of whole segments that a later epoch begins before; but where files are of different moments it does not know of
  /// what a recovery has cut, nor of a later epoch that begins in the middle of an older segment and cannot be reached.
  enum class by : std::uint8_t { open, salvage };
  /// True if what is there says that this frame, which stands in that file, was cut or trimmed.
  [[nodiscard]] bool is_removed(const std::string& file, std::uint64_t sequence, by whom) const;
  /// True if bytes of this record stand somewhere where no decision has removed it. False: they stand nowhere, or only where
  /// one has.
  [[nodiscard]] bool may_stand(const file_set& files, std::uint64_t sequence, const written& w, by whom) const;
  /// For people.
  [[nodiscard]] std::string text() const;

 private:
  void read_state(const file_set& files);
  void read_segments(const file_set& files);
  void read_marks(const file_set& files);
  /// From which sequence on a later epoch has cut what that one held. `perhaps`: also if nothing says any more that the
  /// segment of the later one is of this log.
  [[nodiscard]] std::uint64_t cut_of(std::uint64_t epoch, bool perhaps) const;
  /// True if it followed what its predecessor held after the place where that was cut.
  [[nodiscard]] bool went_with_a_cut(const proved_segment& s, by whom) const;
  void was_durable(std::uint64_t last, std::uint64_t epoch);
};

/// The records that stand in these files, each where it stands whole; walks as a reader does that knows only the format.
[[nodiscard]] std::vector<frame_at> frames_of(const file_set& files, const proof& p);

/// True if the frame, and the header of its segment, are in `now` what they were in `before`.
[[nodiscard]] bool is_intact(const frame_at& f, const file_set& before, const file_set& now);

}  // namespace varve::testing::rescue
