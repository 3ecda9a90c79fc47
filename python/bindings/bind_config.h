// SPDX-License-Identifier: MIT
// From the text that Python makes of its values to melpix::Config.
#pragma once

#include <vector>

#include "bindings.h"
#include "melpix/parameters.h"

// The front-end of texts by their parameters' names; instead of the parameter `window`, there may
// be its samples.
melpix::Settings to_settings(const py::dict& parameters, std::vector<double> window_samples);

// What follows from other parameters, by name.
py::dict followed(const melpix::Config& config);
