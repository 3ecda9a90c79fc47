// SPDX-License-Identifier: MIT
#include "melpix/version.h"

namespace melpix {

const char* version() noexcept { return MELPIX_VERSION; }

}  // namespace melpix
