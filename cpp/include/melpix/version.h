/* SPDX-License-Identifier: MIT */
/* The one place where the version stands: CMake and pyproject.toml read it from here. */
#ifndef MELPIX_VERSION_H
#define MELPIX_VERSION_H

#include "melpix/export.h"

#define MELPIX_VERSION "0.1.0"

#ifdef __cplusplus
namespace melpix {

// MELPIX_VERSION as the library had it when it was compiled.
MELPIX_API const char* version() noexcept;

}  // namespace melpix
#endif

#endif
