// SPDX-License-Identifier: MIT
//
// stage_memory.cpp - the stage on the machine in memory.
#include <stdexcept>

#include "rescue/stage.hpp"
#include "support/memory_os.hpp"

namespace varve::testing::rescue::stage {

struct image {
  memory_os::image all;
};

namespace {

std::string path_of(std::string_view directory, const std::string& name) { return std::string{directory} + '/' + name; }

}  // namespace

void begin(std::uint64_t seed) {
  memory_os::reset();
  memory_os::seed_random(seed);
}

std::string path(std::string_view directory) { return std::string{directory}; }

image_ptr save() { return std::make_shared<const image>(image{memory_os::snapshot()}); }

void load(const image_ptr& from) { memory_os::restore(from->all); }

file_set files_of(std::string_view directory) {
  file_set all;
  for (const auto& name : memory_os::names(path(directory))) {
    try {
      all.emplace(name, memory_os::contents(path_of(directory, name)));
    } catch (const std::out_of_range&) {
      continue;  // a thread in the background has given it another name meanwhile
    }
  }
  return all;
}

void rewrite(std::string_view directory, const std::string& name, const byte_vector& bytes) {
  memory_os::rewrite(path_of(directory, name), bytes);
}

void put(std::string_view directory, const std::string& name, const byte_vector& bytes) {
  memory_os::put(path_of(directory, name), bytes);
}

void remove(std::string_view directory, const std::string& name) { memory_os::erase(path_of(directory, name)); }

void copy(std::string_view from, std::string_view to) { memory_os::copy_directory(path(from), path(to)); }

void lose_power(std::uint64_t seed, bool same_boot) { memory_os::power_loss(seed, {.same_boot = same_boot}); }

}  // namespace varve::testing::rescue::stage
