// SPDX-License-Identifier: MIT
//
// A consumer of varve::archive: what a log has sealed is in an archive, which is expanded into another log.
#include <string>

#include <varve/archiver.hpp>
#include <varve/varve.hpp>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto archiver = varve::archiver::open(argv[2], {.compression_level = 1});
  if (!archiver) return 1;
  auto log = varve::log::open(argv[1], {.segment_bytes = 64 * 1024, .archive = archiver->hooks()});
  if (!log) return 1;
  for (int i = 0; i < 40; ++i)
    if (!log->append(std::string(4000, 'x'))) return 1;
  if (!log->trim_before({33})) return 1;  // has what lies before it archived
  if (!log->close() || archiver->failure() || !varve::is_compressed_archive(argv[2])) return 1;
  const auto expanded = varve::expand_archive(argv[2], std::string{argv[2]} + "_expanded");
  return expanded && expanded->first == varve::sequence{1} && expanded->end > varve::sequence{30} ? 0 : 1;
}
