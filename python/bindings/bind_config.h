// SPDX-License-Identifier: MIT
// From Python's values, which melpix/frontend.py has checked and completed, to melpix::Config.
#pragma once

#include "bindings.h"
#include "melpix/config.h"

// Takes every entry by its name, which is that of the field; those that are missing keep the
// defaults. Throws TypeError if an entry has no field, or another type.
melpix::Config to_config(const py::dict& parameters);
