# SPDX-License-Identifier: MIT
#
# examples/: programs on the public headers. `./dev demo` runs the first.
find_package(fmt 9 REQUIRED)

add_executable(varve_demo examples/demo.cpp)
target_link_libraries(varve_demo PRIVATE varve::varve fmt::fmt)
set_target_properties(varve_demo PROPERTIES CXX_EXTENSIONS OFF)
