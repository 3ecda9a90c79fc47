// SPDX-License-Identifier: MIT
// A parameter's value as text: words, numbers, and lists of them with commas.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "melpix/parameters.h"

namespace melpix {

// What stands between spaces.
std::vector<std::string_view> split(std::string_view text, char between);

// As people write it: whole numbers with all their digits.
std::string shown(double value);

// Whether the value lies in the range that the table allows, and the error if not.
bool in_range(const Parameter& is, double value);
ParameterError out_of_range(const Parameter& is, double value, std::string_view text);

// The value of a parameter. What asks for one of another kind throws.
class Text {
 public:
  Text(const Parameter& is, std::string_view text) : is_(is), text_(text) {}

  bool is(std::string_view word) const { return text_ == word; }

  std::string_view all() const { return text_; }

  // Its place among the words, if it is one of them.
  std::optional<std::size_t> word() const;

  // What a field holds: the place of a word or flag; a number, or nothing for a word in its place.
  std::optional<double> value() const;
  std::size_t one_of() const;
  double number() const;

  // A word and the numbers behind it.
  struct Form {
    std::string_view word;  // "" of numbers alone
    std::vector<double> numbers;
    std::size_t place;  // of the word's first form among all of them
  };
  Form form() const;    // as one of the words says
  Form window() const;  // any

  std::vector<double> numbers(std::size_t first = 0) const;  // from the first part on
  std::vector<double> pairs() const;                         // an even count of them

 private:
  [[noreturn]] void refuse(const std::string& wanted) const;

  const Parameter& is_;
  std::string_view text_;
};

}  // namespace melpix
