// SPDX-License-Identifier: MIT
//
// recipe.hpp - one case of the matrix: how the log ended, which way its files went, what of them was spoiled and how. Drawn
// from a seed, made on the stage, and told in one line.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "rescue/history.hpp"
#include "rescue/stage.hpp"

namespace varve::testing::rescue {

enum class ending : std::uint8_t { clean, death, power };
inline constexpr std::array<std::string_view, 3> ending_names{"closed", "death", "power loss"};

/// Which way the files went.
enum class way : std::uint8_t {
  in_place,
  copied,          // as by cp -r
  half_copied,     // some files are missing, or short
  rsync_twice,     // beside the writer: files of different moments
  snapshot,        // of the device, of any moment, in the same boot
  snapshot_later,  // in another boot
  older_all,       // all files of an older moment, in the inodes of now
  older_some,      // one or several
};
inline constexpr std::array<std::string_view, 8> way_names{
    "in place", "cp -r", "half copied", "rsync twice", "snapshot", "snapshot in another boot", "all older", "some older"};

enum class target : std::uint8_t { meta, state, live, index, header, sealed, active, prepared };
inline constexpr std::array<std::string_view, 8> target_names{"varve.meta",         "varve.state",       "varve.live",
                                                              "an index",           "a header",          "a sealed segment",
                                                              "the active segment", "a prepared segment"};

enum class harm : std::uint8_t { nothing, byte, sector, page, missing, cut_short, stale, swapped, doubled };
inline constexpr std::array<std::string_view, 9> harm_names{"nothing",   "a byte", "a sector", "a page", "missing",
                                                            "cut short", "stale",  "swapped",  "doubled"};

struct recipe {
  rescue::ending ending{};
  rescue::way way{};
  rescue::target target{};
  rescue::harm harm{};
  std::string details;  // what the dice said besides

  /// True if all files are of one moment, so that just one truth holds.
  [[nodiscard]] bool is_of_one_moment() const noexcept;
  [[nodiscard]] std::string text() const;
};

/// What was made of it.
struct scene {
  rescue::recipe recipe;
  std::string directory;   // where the log now is
  truth known;             // of the newest moment that any file is of
  file_set before, now;    // without and with the harm
  stage::image_ptr image;  // of all
  const history* past = nullptr;
};

/// Makes a case on the stage.
void make_scene(const history& h, dice& random, scene& s);

}  // namespace varve::testing::rescue
