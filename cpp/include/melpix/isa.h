// SPDX-License-Identifier: MIT
// Which instruction sets this build has kernels for, and which one is used.
#pragma once

#include <string>
#include <vector>

#include "melpix/export.h"

namespace melpix {

// Names of the kernels that run on this processor and operating system, weakest first.
// "generic" is always there.
MELPIX_API std::vector<std::string> available_isas();

// What a front-end takes unless told otherwise: the strongest available, or the one that the
// environment variable MELPIX_ISA names. Throws std::invalid_argument if that one cannot run.
// (It, and whatever is made for the instruction set "", reads the environment, which no thread may
// change meanwhile: see getenv in the C standard.)
MELPIX_API std::string default_isa();

}  // namespace melpix
