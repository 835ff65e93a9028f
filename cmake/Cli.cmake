# SPDX-License-Identifier: MIT
#
# The tool `varve`. It uses the public headers, as any other program does; the three libraries are the tool's alone.
find_package(CLI11 2.1 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# The target has another name than the program, since `varve` is the library.
add_executable(varve_cli
  src/cli/appender.cpp
  src/cli/copier.cpp
  src/cli/durability_option.cpp
  src/cli/exit_code.cpp
  src/cli/failure.cpp
  src/cli/findings.cpp
  src/cli/framing.cpp
  src/cli/input.cpp
  src/cli/json.cpp
  src/cli/main.cpp
  src/cli/next_open.cpp
  src/cli/opening.cpp
  src/cli/options.cpp
  src/cli/output.cpp
  src/cli/progress.cpp
  src/cli/readable_directory.cpp
  src/cli/rebuild_state.cpp
  src/cli/record_format.cpp
  src/cli/signals.cpp
  src/cli/sizes.cpp
  src/cli/temporary_directory.cpp
  src/cli/times.cpp
  src/cli/verbs/append.cpp
  src/cli/verbs/archive.cpp
  src/cli/verbs/backup.cpp
  src/cli/verbs/bench.cpp
  src/cli/verbs/bench_measure.cpp
  src/cli/verbs/bench_report.cpp
  src/cli/verbs/bench_run.cpp
  src/cli/verbs/cat.cpp
  src/cli/verbs/completion.cpp
  src/cli/verbs/copy.cpp
  src/cli/verbs/create.cpp
  src/cli/verbs/get.cpp
  src/cli/verbs/index.cpp
  src/cli/verbs/ls.cpp
  src/cli/verbs/recover.cpp
  src/cli/verbs/retain.cpp
  src/cli/verbs/salvage.cpp
  src/cli/verbs/stat.cpp
  src/cli/verbs/tail.cpp
  src/cli/verbs/trim.cpp
  src/cli/verbs/truncate.cpp
  src/cli/verbs/upgrade.cpp
  src/cli/verbs/verify.cpp)
# For "cli/json.hpp". tests/tidy sees to it that nothing else of src is included.
target_include_directories(varve_cli PRIVATE src)
target_compile_definitions(varve_cli PRIVATE VARVE_VERSION="${PROJECT_VERSION}")
target_link_libraries(varve_cli PRIVATE varve::varve varve::archive CLI11::CLI11 fmt::fmt nlohmann_json::nlohmann_json)
set_target_properties(varve_cli PROPERTIES OUTPUT_NAME varve CXX_EXTENSIONS OFF)
