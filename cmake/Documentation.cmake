# SPDX-License-Identifier: MIT
#
# Man pages, by scdoc, and completion for shells, by the tool itself. Without scdoc there are no man pages; nothing else
# depends on it.
include(GNUInstallDirs)
find_program(SCDOC_PROGRAM scdoc)
find_program(GZIP_PROGRAM gzip)
mark_as_advanced(SCDOC_PROGRAM GZIP_PROGRAM)

set(generated)
if(SCDOC_PROGRAM AND GZIP_PROGRAM)
  set(pages varve-format.5)
  if(TARGET varve_cli)
    list(APPEND pages varve.1)
  endif()
  foreach(page IN LISTS pages)
    set(source "${CMAKE_CURRENT_SOURCE_DIR}/docs/man/${page}.scd")
    add_custom_command(OUTPUT ${page}.gz
      COMMAND "${SCDOC_PROGRAM}" < "${source}" | "${GZIP_PROGRAM}" -9nc > ${page}.gz DEPENDS "${source}" VERBATIM)
    list(APPEND generated ${page}.gz)
    string(REGEX REPLACE ".*\\." "" section ${page})
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${page}.gz"
      DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}" COMPONENT tools)
  endforeach()
endif()
if(TARGET varve_cli)
  set(VARVE_ZSH_COMPLETIONS zsh/vendor-completions CACHE STRING
    "Folder of zsh's completions under the data folder: Debian's; elsewhere zsh/site-functions")
  mark_as_advanced(VARVE_ZSH_COMPLETIONS)
  foreach(place
      bash:bash-completion/completions/varve zsh:${VARVE_ZSH_COMPLETIONS}/_varve fish:fish/vendor_completions.d/varve.fish)
    string(REPLACE ":" ";" place ${place})
    list(GET place 0 shell)
    list(GET place 1 path)
    get_filename_component(folder ${path} DIRECTORY)
    get_filename_component(name ${path} NAME)
    add_custom_command(OUTPUT completion.${shell} COMMAND varve_cli completion ${shell} > completion.${shell} VERBATIM)
    list(APPEND generated completion.${shell})
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/completion.${shell}" RENAME ${name}
      DESTINATION "${CMAKE_INSTALL_DATADIR}/${folder}" COMPONENT tools)
  endforeach()
endif()
add_custom_target(varve_documentation ALL DEPENDS ${generated})
