# SPDX-License-Identifier: MIT
#
# cmake -D NAME= -D EXECUTABLE= -D LIST_FILE= -D CATCH_VERSION= -P DiscoverTests.cmake
#
# Asks a Catch2 executable for its test cases and their tags, and writes them down for ctest; see VarveTests.cmake.
#
# The readable listing of names with tags wraps long lines, and cannot be told apart from what it wraps. So this asks for
# the bare names (one line each) of everything, and then once per tag.
cmake_minimum_required(VERSION 3.25)

if(CATCH_VERSION VERSION_LESS 3)
  set(list_names --list-test-names-only)
  set(no_match_is_failure "--warn NoTests")
else()
  set(list_names --list-tests --verbosity quiet)
  set(no_match_is_failure "")  # what Catch2 3 does anyhow
endif()

# Runs the executable, sets ${out} to what it prints. Catch2 2 exits with the number of lines that it has listed.
function(ask out)
  execute_process(COMMAND "${EXECUTABLE}" ${ARGN}
    OUTPUT_VARIABLE text RESULT_VARIABLE status ERROR_VARIABLE complaint)
  string(REGEX MATCHALL "\n" newlines "${text}")
  list(LENGTH newlines lines)
  if(lines GREATER 255)
    set(lines 255)
  endif()
  if(NOT status STREQUAL "0" AND (CATCH_VERSION VERSION_GREATER_EQUAL 3 OR lines EQUAL 0 OR lines LESS status))
    message(FATAL_ERROR "${NAME} ${ARGN} failed (${status}):\n${text}${complaint}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Takes the first line off ${text}. CMake's own lists are no use here: names may hold semicolons and brackets.
macro(next_line text line)
  string(FIND "${${text}}" "\n" end)
  string(SUBSTRING "${${text}}" 0 ${end} ${line})
  math(EXPR end "${end} + 1")
  string(SUBSTRING "${${text}}" ${end} -1 ${text})
  # Catch2 2 puts quotes around a name that begins with '#'.
  if("${${line}}" MATCHES "^\"(#.*)\"$")
    set(${line} "${CMAKE_MATCH_1}")
  endif()
endmacro()

# ---- Tags: each line of the listing is a number and a tag in its spellings, "   3  [G2][g2]".
ask(tag_lines --list-tags)
while(NOT tag_lines STREQUAL "")
  next_line(tag_lines line)
  if(NOT line MATCHES "^ +[0-9]+  \\[([^]]+)\\]")
    continue()
  endif()
  set(tag "${CMAKE_MATCH_1}")
  ask(names ${list_names} "[${tag}]~[.]")
  while(NOT names STREQUAL "")
    next_line(names name)
    string(MD5 key "${name}")
    list(APPEND labels_${key} "${tag}")
  endwhile()
endwhile()

# ---- Test cases. Without a filter Catch2 leaves the hidden ones out.
ask(names ${list_names})
set(script "# Written by DiscoverTests.cmake\n")
set(count 0)
while(NOT names STREQUAL "")
  next_line(names name)
  if(name STREQUAL "")
    continue()
  endif()
  math(EXPR count "${count} + 1")
  string(MD5 key "${name}")

  # What means something in a filter of Catch2 is escaped, so that the filter is the name and nothing else.
  set(filter "${name}")
  foreach(special IN ITEMS [[\]] [["]] "," "~" "#" "*")
    string(REPLACE "${special}" "\\${special}" filter "${filter}")
  endforeach()
  string(REPLACE "[" "\\[" filter "${filter}")
  string(REPLACE "]" "\\]" filter "${filter}")
  string(REGEX REPLACE "^-" "\\\\-" filter "${filter}")  # or it would be an option

  set(timeout 300)
  if("slow" IN_LIST labels_${key})
    set(timeout 900)
  endif()
  set(serial OFF)
  if("serial" IN_LIST labels_${key})
    set(serial ON)
  endif()

  string(APPEND script
    "add_test([==[${NAME}: ${name}]==] [==[${EXECUTABLE}]==] ${no_match_is_failure} [==[${filter}]==])\n"
    "set_tests_properties([==[${NAME}: ${name}]==] PROPERTIES LABELS [==[${labels_${key}}]==] TIMEOUT ${timeout} "
    "RUN_SERIAL ${serial})\n")
endwhile()

if(count EQUAL 0)
  message(FATAL_ERROR "${NAME} has no test cases that are not hidden.")
endif()
file(WRITE "${LIST_FILE}" "${script}")
message(STATUS "${NAME}: ${count} test cases")
