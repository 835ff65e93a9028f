# SPDX-License-Identifier: MIT
#
# The tool `varve`. It uses the public headers, as any other program does; the three libraries are the tool's alone.
find_package(CLI11 2.1 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# The target has another name than the program, since `varve` is the library.
add_executable(varve_cli
  src/cli/append.cpp
  src/cli/archive.cpp
  src/cli/appender.cpp
  src/cli/backup.cpp
  src/cli/bench.cpp
  src/cli/bench_measure.cpp
  src/cli/bench_report.cpp
  src/cli/bench_run.cpp
  src/cli/cat.cpp
  src/cli/completion.cpp
  src/cli/copier.cpp
  src/cli/copy.cpp
  src/cli/create.cpp
  src/cli/durability_option.cpp
  src/cli/exit_code.cpp
  src/cli/failure.cpp
  src/cli/findings.cpp
  src/cli/framing.cpp
  src/cli/get.cpp
  src/cli/index.cpp
  src/cli/input.cpp
  src/cli/json.cpp
  src/cli/ls.cpp
  src/cli/main.cpp
  src/cli/options.cpp
  src/cli/output.cpp
  src/cli/progress.cpp
  src/cli/readable_directory.cpp
  src/cli/record_format.cpp
  src/cli/recover.cpp
  src/cli/retain.cpp
  src/cli/salvage.cpp
  src/cli/signals.cpp
  src/cli/sizes.cpp
  src/cli/times.cpp
  src/cli/stat.cpp
  src/cli/tail.cpp
  src/cli/trim.cpp
  src/cli/truncate.cpp
  src/cli/verify.cpp)
# For "cli/json.hpp". tests/tidy sees to it that nothing else of src is included.
target_include_directories(varve_cli PRIVATE src)
target_compile_definitions(varve_cli PRIVATE VARVE_VERSION="${PROJECT_VERSION}")
target_link_libraries(varve_cli PRIVATE varve::varve varve::archive CLI11::CLI11 fmt::fmt nlohmann_json::nlohmann_json)
set_target_properties(varve_cli PROPERTIES OUTPUT_NAME varve CXX_EXTENSIONS OFF)
