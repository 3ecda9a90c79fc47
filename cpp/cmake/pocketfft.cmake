# SPDX-License-Identifier: MIT
# Finds pocketfft's single header (BSD-3), which the repository does not hold. In this order:
#   -DMELPIX_POCKETFFT_DIR=DIR   the folder with pocketfft_hdronly.h
#   a header of the system
#   one pinned source package of the Python package index that carries the header. pip compares its
#   hash before anything is unpacked; the header has a hash of its own. It stays in the build
#   folder, so a rebuild needs no network.
# Sets MELPIX_POCKETFFT_INCLUDE and MELPIX_POCKETFFT_LICENSE.
set(melpix_pocketfft_package gemmi)
set(melpix_pocketfft_version 0.7.5)
set(melpix_pocketfft_package_sha256
  3328f26c8a8a0ef6a7fc8bb28e167818e324e4239dd4197d6b6066ae2b6315fe)
set(melpix_pocketfft_header include/gemmi/third_party/pocketfft_hdronly.h)
set(melpix_pocketfft_header_sha256
  b15ca29cf47025e76c966d0c5a061e9b56e3e2b312cb05e993ee696f8d9812e5)

function(download_melpix_pocketfft into)
  find_package(Python REQUIRED COMPONENTS Interpreter)
  set(name ${melpix_pocketfft_package}-${melpix_pocketfft_version})
  set(work "${CMAKE_CURRENT_BINARY_DIR}/pocketfft-download")
  file(MAKE_DIRECTORY "${work}")
  file(WRITE "${work}/requirements.txt"
    "${melpix_pocketfft_package}==${melpix_pocketfft_version}"
    " --hash=sha256:${melpix_pocketfft_package_sha256}\n")
  message(STATUS "melpix: fetching pocketfft (in ${name}) from the Python package index")
  # --no-build-isolation and --no-deps: the archive is wanted, not its build.
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -m pip --disable-pip-version-check download --quiet
      --require-hashes --no-deps --no-binary ${melpix_pocketfft_package}
      --dest "${work}" --requirement "${work}/requirements.txt"
    RESULT_VARIABLE failed ERROR_VARIABLE output OUTPUT_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "melpix needs pocketfft_hdronly.h. pip could not fetch it:\n${output}\n"
      "Give its folder with -DMELPIX_POCKETFFT_DIR=DIR.")
  endif()
  file(ARCHIVE_EXTRACT INPUT "${work}/${name}.tar.gz" DESTINATION "${work}"
    PATTERNS "${name}/${melpix_pocketfft_header}")
  set(header "${work}/${name}/${melpix_pocketfft_header}")
  file(SHA256 "${header}" hash)
  if(NOT hash STREQUAL melpix_pocketfft_header_sha256)
    message(FATAL_ERROR "melpix: pocketfft_hdronly.h has SHA-256 ${hash}, "
      "expected ${melpix_pocketfft_header_sha256}")
  endif()
  file(COPY "${header}" DESTINATION "${into}")
  file(REMOVE_RECURSE "${work}")
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
