# SPDX-License-Identifier: MIT
#
# examples/: programs on the public headers, one for each use. `./dev demo` runs the demo, tests/examples all others.
find_package(fmt 9 REQUIRED)
enable_language(C)

add_executable(varve_demo examples/demo.cpp)
target_link_libraries(varve_demo PRIVATE varve::varve fmt::fmt)
set_target_properties(varve_demo PROPERTIES CXX_EXTENSIONS OFF)

add_executable(key_value_store examples/key_value_store.cpp)
add_executable(event_store examples/event_store.cpp)
add_executable(event_store_c examples/event_store.c)
add_executable(recorder examples/recorder.cpp)
add_executable(work_queue examples/work_queue.cpp)
set(VARVE_EXAMPLES key_value_store event_store event_store_c recorder work_queue)
foreach(example IN LISTS VARVE_EXAMPLES)
  target_link_libraries(${example} PRIVATE varve::varve)
  set_target_properties(${example} PROPERTIES
    C_STANDARD 99 C_EXTENSIONS OFF CXX_EXTENSIONS OFF LINKER_LANGUAGE CXX
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/examples")
endforeach()
