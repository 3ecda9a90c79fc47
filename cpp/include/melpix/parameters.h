// SPDX-License-Identifier: MIT
// The parameters of a front-end by their names: what each may be, and its value as text. All of
// them stand in one table (parameters.cpp), which Python, the command line and the service read.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "melpix/config.h"
#include "melpix/export.h"
#include "melpix/mixed.h"

namespace melpix {

// What is wrong with a parameter, by itself or beside others: what() is its name and a reason.
class MELPIX_API ParameterError : public std::invalid_argument {
 public:
  ParameterError(const std::string& parameter, const std::string& reason)
      : std::invalid_argument(parameter + reason), length_(parameter.size()) {}

  std::string_view parameter() const { return std::string_view(what(), length_); }
  std::string_view reason() const { return std::string_view(what()).substr(length_); }

 private:
  std::size_t length_;
};

// What a parameter is called, and what it may be: see melpix_parameter in melpix/c_api.h.
struct Parameter {
  const char *name, *kind, *words, *initial;
  double least, most;
  bool above_least, below_most;
  const char *rule, *about;
};

// The parameters in the order of the stages; null behind the last one.
MELPIX_API const Parameter* parameter(std::size_t index);

// What text says.
struct Settings {
  Config config;
  Precision precision = Precision::kMixed;
  std::string isa;
};

// The recipe with other values where given: text of `name=value` words with white space between
// them (null is ""), or names and values. Checks each by itself; Frontend and validate() check them
// together. Throws ParameterError, or std::invalid_argument for what is no parameter.
MELPIX_API Settings parse_settings(const char* text);
MELPIX_API Settings parse_settings(const std::vector<std::pair<std::string, std::string>>& values);

// The same configuration with nothing open: win_length, mel_sr, fmax and patch_step have values.
MELPIX_API Config completed(const Config& config);

}  // namespace melpix
