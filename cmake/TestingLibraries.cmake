# SPDX-License-Identifier: MIT
#
# Copies of the library for the tests and the fuzzers: varve_testing on the real os, varve_memory on one in memory.
#
# VARVE_TESTING makes the named points live, at which a test may stop, kill or count. Everything above the layer os is
# compiled once and linked twice: to the real os, and to a double that keeps files in memory, fails the n-th call and loses
# power.

include_guard(GLOBAL)

add_library(varve_testing_core OBJECT)
list(TRANSFORM VARVE_CORE_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE core_sources)
list(TRANSFORM VARVE_CAPI_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE capi_sources)
target_sources(varve_testing_core PRIVATE ${core_sources} ${capi_sources})
target_compile_definitions(varve_testing_core PUBLIC VARVE_TESTING PRIVATE VARVE_VERSION="${PROJECT_VERSION}")
target_compile_features(varve_testing_core PUBLIC cxx_std_23)
# Tests look at every layer: "support/temp_dir.hpp", "format/frame.hpp", <varve/log.hpp>.
target_include_directories(varve_testing_core
  PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(varve_testing_core PUBLIC Threads::Threads xxHash::xxhash ISAL::isal Boost::headers)
set_target_properties(varve_testing_core PROPERTIES CXX_EXTENSIONS OFF)

add_library(varve_testing STATIC)
list(TRANSFORM VARVE_OS_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE os_sources)
target_sources(varve_testing PRIVATE ${os_sources})
target_link_libraries(varve_testing PUBLIC varve_testing_core)
set_target_properties(varve_testing PROPERTIES CXX_EXTENSIONS OFF)

add_library(varve_memory STATIC)
target_sources(varve_memory PRIVATE
  ${PROJECT_SOURCE_DIR}/tests/support/memory_os.cpp
  ${PROJECT_SOURCE_DIR}/tests/support/memory_os_crash.cpp
  ${PROJECT_SOURCE_DIR}/tests/support/memory_os_file.cpp
  ${PROJECT_SOURCE_DIR}/tests/support/memory_os_lock.cpp
  ${PROJECT_SOURCE_DIR}/tests/support/memory_os_machine.cpp
  ${PROJECT_SOURCE_DIR}/tests/support/memory_os_memory.cpp
  ${PROJECT_SOURCE_DIR}/src/os/linux/waiting.cpp)  # threads really sleep
target_link_libraries(varve_memory PUBLIC varve_testing_core)
set_target_properties(varve_memory PROPERTIES CXX_EXTENSIONS OFF)

# varve::archive likewise, to be linked beside one of the two.
if(VARVE_BUILD_ARCHIVE)
  add_library(varve_testing_archive OBJECT)
  list(TRANSFORM VARVE_ARCHIVE_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE archive_sources)
  target_sources(varve_testing_archive PRIVATE ${archive_sources})
  target_link_libraries(varve_testing_archive PUBLIC varve_testing_core zstd::libzstd_shared)
  set_target_properties(varve_testing_archive PROPERTIES CXX_EXTENSIONS OFF)
endif()
