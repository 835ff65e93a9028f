# SPDX-License-Identifier: MIT
#
# Installs the libraries, their headers, the tool, and what find_package(varve) and pkg-config find. Three components, which
# are the three Debian packages of Package.cmake: runtime, development, tools.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(VARVE_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/varve")

install(TARGETS varve EXPORT varveTargets
  ARCHIVE COMPONENT development
  FILE_SET HEADERS COMPONENT development)
if(TARGET varve_shared)
  install(TARGETS varve_shared EXPORT varveTargets
    LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
    FILE_SET HEADERS COMPONENT development)
endif()
if(TARGET varve_archive)
  # Exported by itself: who has no zstd uses the rest.
  install(TARGETS varve_archive EXPORT varveArchiveTargets
    ARCHIVE COMPONENT development
    FILE_SET HEADERS COMPONENT development)
  install(EXPORT varveArchiveTargets NAMESPACE varve:: DESTINATION "${VARVE_PACKAGE_DIR}" COMPONENT development)
endif()
install(EXPORT varveTargets NAMESPACE varve:: DESTINATION "${VARVE_PACKAGE_DIR}" COMPONENT development)
if(TARGET varve_cli)
  install(TARGETS varve_cli RUNTIME COMPONENT tools)
endif()

configure_package_config_file(cmake/varveConfig.cmake.in varveConfig.cmake INSTALL_DESTINATION "${VARVE_PACKAGE_DIR}")
# SameMinorVersion: before 1.0 a minor version may break what the one before it promised.
write_basic_package_version_file(varveConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/varveConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/varveConfigVersion.cmake"
  cmake/FindISAL.cmake
  cmake/FindxxHash.cmake
  DESTINATION "${VARVE_PACKAGE_DIR}" COMPONENT development)

# From where the .pc file lies to the prefix, so that what was installed may be moved. Folders that were given as absolute
# paths are no part of that.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(VARVE_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH VARVE_PC_PREFIX "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
  string(REGEX REPLACE "/$" "" VARVE_PC_PREFIX "\${pcfiledir}/${VARVE_PC_PREFIX}")
endif()
set(VARVE_PC_LIBDIR "\${prefix}")
cmake_path(APPEND VARVE_PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
set(VARVE_PC_INCLUDEDIR "\${prefix}")
cmake_path(APPEND VARVE_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file(cmake/varve.pc.in varve.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/varve.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
if(TARGET varve_archive)
  configure_file(cmake/varve-archive.pc.in varve-archive.pc @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/varve-archive.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
endif()

install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
include(cmake/Documentation.cmake)
if(PROJECT_IS_TOP_LEVEL)  # packages are the business of whoever takes varve in
  include(cmake/Package.cmake)
endif()
