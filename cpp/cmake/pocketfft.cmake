# SPDX-License-Identifier: MIT
# Finds pocketfft's single header (BSD-3), which the repository does not hold. In this order:
#   -DMELPIX_POCKETFFT_DIR=DIR   the folder with pocketfft_hdronly.h
#   a header of the system
#   a source package of the Python package index that carries the header (pinned_file.cmake). It
#   stays in the build folder, so a rebuild needs no network.
# Sets MELPIX_POCKETFFT_INCLUDE and MELPIX_POCKETFFT_LICENSE.
include("${CMAKE_CURRENT_LIST_DIR}/pinned_file.cmake")

function(download_melpix_pocketfft into)
  fetch_pinned_file(
    gemmi 0.7.5 3328f26c8a8a0ef6a7fc8bb28e167818e324e4239dd4197d6b6066ae2b6315fe
    include/gemmi/third_party/pocketfft_hdronly.h
    b15ca29cf47025e76c966d0c5a061e9b56e3e2b312cb05e993ee696f8d9812e5
    "${into}" MELPIX_POCKETFFT_DIR)
endfunction()

# The header begins with its licence: everything up to the end of the first comment.
function(extract_melpix_pocketfft_license header license)
  file(READ "${header}" text LIMIT 8192)
  string(FIND "${text}" "*/" end)
  string(SUBSTRING "${text}" 0 ${end} text)
  string(REGEX REPLACE "^/\\*\n?" "" text "${text}")
  file(WRITE "${license}" "${text}")
endfunction()

macro(find_melpix_pocketfft)
  set(MELPIX_POCKETFFT_DIR "" CACHE PATH "Folder with pocketfft_hdronly.h")
  if(NOT MELPIX_POCKETFFT_DIR)
    find_path(MELPIX_POCKETFFT_SYSTEM_DIR pocketfft_hdronly.h)
  endif()
  if(MELPIX_POCKETFFT_DIR)
    set(MELPIX_POCKETFFT_INCLUDE "${MELPIX_POCKETFFT_DIR}")
    if(NOT EXISTS "${MELPIX_POCKETFFT_INCLUDE}/pocketfft_hdronly.h")
      message(FATAL_ERROR "No pocketfft_hdronly.h in MELPIX_POCKETFFT_DIR=${MELPIX_POCKETFFT_DIR}")
    endif()
  elseif(MELPIX_POCKETFFT_SYSTEM_DIR)
    set(MELPIX_POCKETFFT_INCLUDE "${MELPIX_POCKETFFT_SYSTEM_DIR}")
  else()
    set(MELPIX_POCKETFFT_INCLUDE "${CMAKE_CURRENT_BINARY_DIR}/pocketfft")
    if(NOT EXISTS "${MELPIX_POCKETFFT_INCLUDE}/pocketfft_hdronly.h")
      download_melpix_pocketfft("${MELPIX_POCKETFFT_INCLUDE}")
    endif()
  endif()
  set(MELPIX_POCKETFFT_LICENSE "${CMAKE_CURRENT_BINARY_DIR}/LICENSE.pocketfft"
    CACHE INTERNAL "pocketfft's notice, for whoever ships the built library")
  extract_melpix_pocketfft_license(
    "${MELPIX_POCKETFFT_INCLUDE}/pocketfft_hdronly.h" "${MELPIX_POCKETFFT_LICENSE}")
endmacro()
