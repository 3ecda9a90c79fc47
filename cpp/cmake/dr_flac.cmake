# SPDX-License-Identifier: MIT
# Finds dr_flac, which stands in miniaudio's single header (public domain or MIT-0) and which the
# repository does not hold. In this order:
#   -DMELPIX_MINIAUDIO_DIR=DIR   the folder with miniaudio.h; other versions may not do
#   a source package of the Python package index that carries the header (pinned_file.cmake). It
#   stays in the build folder, so a rebuild needs no network.
# Sets MELPIX_MINIAUDIO_INCLUDE and MELPIX_MINIAUDIO_LICENSE.
include("${CMAKE_CURRENT_LIST_DIR}/pinned_file.cmake")

function(download_melpix_miniaudio into)
  fetch_pinned_file(
    miniaudio 1.71 ff51e2887bb673e2e757752b586b3dc924d59aa5fbcae9bbc45f4a111bd3262b
    miniaudio/miniaudio.h
    ac7af4de748b7e26b777f37e01cee313a308a7296a3eb080e2906b320cc55c89
    "${into}" MELPIX_MINIAUDIO_DIR)
endfunction()

# The header ends with its licences: a comment, the last one.
function(extract_melpix_miniaudio_license header license)
  file(SIZE "${header}" size)
  math(EXPR start "${size} - 4096")
  file(READ "${header}" text OFFSET ${start})
  string(FIND "${text}" "/*" begin REVERSE)
  string(SUBSTRING "${text}" ${begin} -1 text)
  string(REGEX REPLACE "^/\\*\n?|\\*/\n*$" "" text "${text}")
  if(NOT text MATCHES "MIT No Attribution")
    message(FATAL_ERROR "melpix: no licence stands at the end of ${header}")
  endif()
  file(WRITE "${license}" "${text}")
endfunction()

macro(find_melpix_dr_flac)
  set(MELPIX_MINIAUDIO_DIR "" CACHE PATH "Folder with miniaudio.h")
  if(MELPIX_MINIAUDIO_DIR)
    set(MELPIX_MINIAUDIO_INCLUDE "${MELPIX_MINIAUDIO_DIR}")
    if(NOT EXISTS "${MELPIX_MINIAUDIO_INCLUDE}/miniaudio.h")
      message(FATAL_ERROR "No miniaudio.h in MELPIX_MINIAUDIO_DIR=${MELPIX_MINIAUDIO_DIR}")
    endif()
  else()
    set(MELPIX_MINIAUDIO_INCLUDE "${CMAKE_CURRENT_BINARY_DIR}/miniaudio")
    if(NOT EXISTS "${MELPIX_MINIAUDIO_INCLUDE}/miniaudio.h")
      download_melpix_miniaudio("${MELPIX_MINIAUDIO_INCLUDE}")
    endif()
  endif()
  set(MELPIX_MINIAUDIO_LICENSE "${CMAKE_CURRENT_BINARY_DIR}/LICENSE.miniaudio"
    CACHE INTERNAL "miniaudio's notice, for whoever ships the built decoders")
  extract_melpix_miniaudio_license(
    "${MELPIX_MINIAUDIO_INCLUDE}/miniaudio.h" "${MELPIX_MINIAUDIO_LICENSE}")
endmacro()
