# SPDX-License-Identifier: MIT
# melpix.pc, for whoever builds without CMake. It finds the prefix from where it lies itself, so that
# the installed folder can be moved. Sets melpix_cxx_runtime: what a linker that knows only C must be
# told of the C++ library.
set(melpix_cxx_runtime "")
foreach(name IN LISTS CMAKE_CXX_IMPLICIT_LINK_LIBRARIES)
  if(name MATCHES "^(stdc\\+\\+|c\\+\\+)$")
    list(APPEND melpix_cxx_runtime ${name})
  endif()
endforeach()
list(REMOVE_DUPLICATES melpix_cxx_runtime)

function(install_melpix_pkgconfig)
  file(RELATIVE_PATH melpix_pc_prefix
    "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
  foreach(kind IN ITEMS libdir includedir)
    string(TOUPPER CMAKE_INSTALL_${kind} variable)
    cmake_path(IS_ABSOLUTE ${variable} absolute)
    set(melpix_pc_${kind} "${${variable}}")
    if(NOT absolute)
      string(PREPEND melpix_pc_${kind} "\${prefix}/")
    endif()
  endforeach()
  set(melpix_pc_cflags "")
  set(melpix_pc_libs "")
  get_target_property(type melpix TYPE)
  if(type STREQUAL SHARED_LIBRARY)
    set(melpix_pc_cflags " -DMELPIX_SHARED")
  else()
    foreach(name IN LISTS melpix_cxx_runtime)
      string(APPEND melpix_pc_libs " -l${name}")
    endforeach()
    string(APPEND melpix_pc_libs " ${CMAKE_THREAD_LIBS_INIT} -lm")
  endif()
  configure_file("${CMAKE_CURRENT_SOURCE_DIR}/cmake/melpix.pc.in" melpix.pc @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/melpix.pc"
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT cpp)
endfunction()
