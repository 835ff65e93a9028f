// SPDX-License-Identifier: MIT
//
// stage.hpp - where a matrix of rescues is played: the machine in memory, or real files. One set of functions, two sets of
// definitions (stage_memory.cpp, stage_files.cpp), chosen when linking, as those of the os are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace varve::testing::rescue {

using byte_vector = std::vector<std::byte>;
using file_set = std::map<std::string, byte_vector>;  // by name

namespace stage {

/// All directories as they are at one moment.
struct image;
using image_ptr = std::shared_ptr<const image>;

/// An empty stage. The same seed gives the same random numbers where the os is ours.
void begin(std::uint64_t seed);
/// The path of a directory on the stage, for the library.
[[nodiscard]] std::string path(std::string_view directory);

[[nodiscard]] image_ptr save();
/// Puts everything back. Each file that is there keeps its inode and its time of birth; whoever had one open is dead.
void load(const image_ptr& from);

[[nodiscard]] file_set files_of(std::string_view directory);
/// Other bytes in a file that is there: inode and birth stay. Durable.
void rewrite(std::string_view directory, const std::string& name, const byte_vector& bytes);
/// A file of its own.
void put(std::string_view directory, const std::string& name, const byte_vector& bytes);
void remove(std::string_view directory, const std::string& name);
/// As cp -r.
void copy(std::string_view from, std::string_view to);

/// The power goes; or, in the same boot, a snapshot of the device is put in its place: what was not durable may be lost.
/// On real files nothing is lost, but the boot is another one.
void lose_power(std::uint64_t seed, bool same_boot);

}  // namespace stage
}  // namespace varve::testing::rescue
