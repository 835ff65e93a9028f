# SPDX-License-Identifier: MIT
#
# Installs the library, its headers and a package that find_package(varve) finds.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(VARVE_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/varve")

install(TARGETS varve EXPORT varveTargets FILE_SET HEADERS)
install(EXPORT varveTargets NAMESPACE varve:: DESTINATION "${VARVE_PACKAGE_DIR}")
if(TARGET varve_cli)
  install(TARGETS varve_cli)
endif()

configure_package_config_file(cmake/varveConfig.cmake.in varveConfig.cmake INSTALL_DESTINATION "${VARVE_PACKAGE_DIR}")
# SameMinorVersion: before 1.0 a minor version may break what the one before it promised.
write_basic_package_version_file(varveConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/varveConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/varveConfigVersion.cmake"
  cmake/FindISAL.cmake
  cmake/FindxxHash.cmake
  DESTINATION "${VARVE_PACKAGE_DIR}")
