// SPDX-License-Identifier: MIT
// A configuration as text: `name=value` words, as melpix/c_api.h describes them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "melpix/config.h"
#include "melpix/mixed.h"

namespace melpix {

struct Settings {
  Config config;
  std::optional<std::size_t> n_fft;  // nothing: 2 * hop_length
  Precision precision = Precision::kMixed;
  std::string isa;
};

// Null is "". Throws std::invalid_argument, naming the parameter and what is wrong with it. Values
// by themselves: whether they go together is validate()'s to say.
Settings parse_settings(const char* text);

}  // namespace melpix
