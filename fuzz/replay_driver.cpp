// SPDX-License-Identifier: MIT
//
// replay_driver.cpp - runs a target on files, and on all files of folders: what the corpus once showed, and an input that a
// fuzzer has found.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "target.hpp"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::set<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    if (fs::is_directory(argv[i])) {
      for (const auto& entry : fs::directory_iterator{argv[i]}) files.insert(entry.path());
    } else {
      files.insert(argv[i]);
    }
  }
  for (const auto& file : files) {
    std::ifstream from{file, std::ios::binary};
    const std::string text{std::istreambuf_iterator{from}, {}};
    if (!from) {
      static_cast<void>(std::fprintf(stderr, "%s cannot be read\n", file.c_str()));
      return 2;
    }
    // Before it runs: a target that finds something ends the process.
    static_cast<void>(std::printf("%s\n", file.filename().c_str()));
    static_cast<void>(std::fflush(stdout));
    varve::fuzz::run(std::as_bytes(std::span{text}));
  }
  static_cast<void>(std::printf("%zu inputs\n", files.size()));
  return files.empty() ? 2 : 0;
}
