# SPDX-License-Identifier: MIT
# cmake -DINTO=DIR -P tests/fuzz/miniaudio.cmake: fetches miniaudio.h, as the build does.
include("${CMAKE_CURRENT_LIST_DIR}/../../cpp/cmake/dr_flac.cmake")
download_melpix_miniaudio("${INTO}")
