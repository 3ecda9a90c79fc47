// SPDX-License-Identifier: MIT
// The one place where the version stands: CMake and pyproject.toml read it from here.
#pragma once

#define MELPIX_VERSION "0.1.0"
