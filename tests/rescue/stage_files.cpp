// SPDX-License-Identifier: MIT
//
// stage_files.cpp - the stage on real files.
#include <filesystem>
#include <optional>

#include "rescue/stage.hpp"
#include "support/fast_dir.hpp"
#include "support/log_files.hpp"

namespace varve::testing::rescue::stage {

namespace fs = std::filesystem;

struct image {
  std::map<std::string, directory_image> directories;
};

namespace {

std::optional<fast_dir>& place() {
  static std::optional<fast_dir> the;
  return the;
}

}  // namespace

void begin(std::uint64_t /*seed*/) { place().emplace(); }

std::string path(std::string_view directory) { return (place()->path() / directory).string(); }

image_ptr save() {
  auto all = std::make_shared<image>();
  for (const auto& entry : fs::directory_iterator{place()->path()})
    all->directories.emplace(entry.path().filename(), image_of(entry.path()));
  return all;
}

void load(const image_ptr& from) {
  std::vector<fs::path> now;
  for (const auto& entry : fs::directory_iterator{place()->path()}) now.push_back(entry.path());
  for (const auto& each : now)
    if (!from->directories.contains(each.filename())) fs::remove_all(each);
  for (const auto& [name, image] : from->directories) {
    const fs::path directory = place()->path() / name;
    fs::create_directory(directory);
    for (const auto& entry : fs::directory_iterator{directory})
      if (entry.is_directory()) fs::remove_all(entry.path());  // what a recovery has set aside
    testing::restore(directory, image);
  }
}

file_set files_of(std::string_view directory) {
  file_set all;
  for (const auto& entry : fs::directory_iterator{path(directory)})
    if (entry.is_regular_file()) all.emplace(entry.path().filename(), read_file(entry.path()));
  return all;
}

void rewrite(std::string_view directory, const std::string& name, const byte_vector& bytes) {
  const fs::path file = fs::path{path(directory)} / name;
  fs::resize_file(file, bytes.size());
  patch(file, 0, bytes);
}

void put(std::string_view directory, const std::string& name, const byte_vector& bytes) {
  const fs::path file = fs::path{path(directory)} / name;
  fs::remove(file);
  write_new_file(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void remove(std::string_view directory, const std::string& name) { fs::remove(fs::path{path(directory)} / name); }

void copy(std::string_view from, std::string_view to) { fs::copy(path(from), path(to), fs::copy_options::recursive); }

void lose_power(std::uint64_t /*seed*/, bool same_boot) {
  if (!same_boot) make_power_loss(path("log"));
}

}  // namespace varve::testing::rescue::stage
