# SPDX-License-Identifier: MIT
#
# varve_add_tests(NAME LIBS library... SOURCES file...)
#
# Builds one executable of Catch2 test cases and registers every test case as a test of its own, named "NAME: test case",
# with the test case's tags as labels: `ctest -L G1` runs, and counts, the test cases that attack guarantee G1.
#   [slow]    may take 900 s instead of 300 s
#   [serial]  runs while no other test does
#   [.]       hidden: not registered

set(VARVE_DISCOVER_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/DiscoverTests.cmake")

function(varve_add_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS;SOURCES")
  if(NOT arg_SOURCES)  # a kind of which there are no tests yet
    return()
  endif()

  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE test_main test_support ${arg_LIBS})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF LINK_DEPENDS "${VARVE_DISCOVER_SCRIPT}")

  # The test cases are asked for after each link, so the list is never older than the executable.
  set(list_file "${CMAKE_CURRENT_BINARY_DIR}/${name}.cmake")
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -D NAME=${name} -D EXECUTABLE=$<TARGET_FILE:${name}> -D LIST_FILE=${list_file}
      -D CATCH_VERSION=${Catch2_VERSION} -P ${VARVE_DISCOVER_SCRIPT}
    BYPRODUCTS ${list_file}
    COMMENT "Listing the test cases of ${name}"
    VERBATIM)

  # ctest reads this when it starts. An executable that was not built is a failure, not silence.
  set(include_file "${CMAKE_CURRENT_BINARY_DIR}/${name}_include.cmake")
  file(WRITE "${include_file}"
    "if(EXISTS [==[${list_file}]==])\n"
    "  include([==[${list_file}]==])\n"
    "else()\n"
    "  add_test([==[${name}: not built]==] [==[${list_file}]==])\n"
    "endif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${include_file}")
endfunction()
