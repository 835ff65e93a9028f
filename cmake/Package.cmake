# SPDX-License-Identifier: MIT
#
# The Debian packages, made by `cpack -G DEB` in a build directory that was configured with the prefix /usr: libvarve0.1,
# libvarve-dev, varve-tools.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME varve)
set(VARVE_PACKAGE_MAINTAINER "The varve authors <varve@example.org>" CACHE STRING "Whom the packages name")
set(CPACK_PACKAGE_CONTACT "${VARVE_PACKAGE_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL development)
if(TARGET varve_shared)
  list(PREPEND CPACK_COMPONENTS_ALL runtime)
endif()
if(TARGET varve_cli)
  list(APPEND CPACK_COMPONENTS_ALL tools)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(soname "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "libvarve${soname}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libvarve-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "libvarve${soname} (= ${PROJECT_VERSION}), libxxhash-dev, libisal-dev, libzstd-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME varve-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)

set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "${PROJECT_DESCRIPTION} - shared library
varve is an embedded log: many threads append at once, readers get views
of the mapped file without a copy, and what survives a crash is said
precisely.")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "${PROJECT_DESCRIPTION} - development files
Headers for C++ and C, the static library, and what CMake and pkg-config need
to find them.")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "${PROJECT_DESCRIPTION} - command line tool
The tool varve makes, fills, reads, follows, describes and verifies logs.")

# So that the loader finds the library.
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/triggers" "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${CMAKE_CURRENT_BINARY_DIR}/triggers")

# Debian wants both in each package.
configure_file(cmake/debian_changelog.in changelog @ONLY)
option(VARVE_DEBIAN_DOCUMENTS "Install what Debian wants in /usr/share/doc" OFF)
if(GZIP_PROGRAM AND VARVE_DEBIAN_DOCUMENTS)
  execute_process(COMMAND "${GZIP_PROGRAM}" -9nc "${CMAKE_CURRENT_BINARY_DIR}/changelog"
    OUTPUT_FILE "${CMAKE_CURRENT_BINARY_DIR}/changelog.gz" COMMAND_ERROR_IS_FATAL ANY)
  foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    string(TOUPPER ${component} upper)
    set(place share/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
    install(FILES LICENSE DESTINATION ${place} RENAME copyright COMPONENT ${component})
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/changelog.gz" DESTINATION ${place} COMPONENT ${component})
  endforeach()
endif()

include(CPack)
