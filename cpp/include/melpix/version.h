/* SPDX-License-Identifier: MIT */
/* The one place where the version stands: CMake and pyproject.toml read it from here. */
#ifndef MELPIX_VERSION_H
#define MELPIX_VERSION_H

#include "melpix/export.h"

#define MELPIX_VERSION "0.1.0"

/* Goes up with each release that makes other pixels of the same samples and parameters, so that no
   data set mixes them. 1 is what was before there was this number. */
#define MELPIX_PIXELS 2

#ifdef __cplusplus
namespace melpix {

// MELPIX_VERSION as the library had it when it was compiled.
MELPIX_API const char* version() noexcept;

}  // namespace melpix
#endif

#endif
