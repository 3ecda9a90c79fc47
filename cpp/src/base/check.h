// SPDX-License-Identifier: MIT
// Error messages with the value in them, and arithmetic on sizes that cannot wrap.
#pragma once

#include <cstddef>
#include <limits>
#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "melpix/parameters.h"

namespace melpix {

template <class... Parts>
std::string text_of(const Parts&... parts) {
  std::ostringstream text;
  text.imbue(std::locale::classic());  // the embedding program may have set another
  (text << ... << parts);
  return text.str();
}

template <class... Parts>
std::invalid_argument invalid(const Parts&... parts) {
  return std::invalid_argument(text_of(parts...));
}

// What is wrong with a parameter: the reason follows its name.
template <class... Parts>
ParameterError refused(std::string_view parameter, const Parts&... reason) {
  return ParameterError(std::string(parameter), text_of(reason...));
}

// Sizes stay in the range of ptrdiff_t, since they become pointer offsets.
constexpr std::size_t kMaxSize = std::numeric_limits<std::ptrdiff_t>::max();

inline std::size_t checked_add(std::size_t a, std::size_t b) {
  if (a > kMaxSize || b > kMaxSize - a) throw std::length_error("melpix: a size overflows");
  return a + b;
}

inline std::size_t checked_mul(std::size_t a, std::size_t b) {
  if (a != 0 && b > kMaxSize / a) throw std::length_error("melpix: a size overflows");
  return a * b;
}

}  // namespace melpix
