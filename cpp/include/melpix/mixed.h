// SPDX-License-Identifier: MIT
// A front-end whose arithmetic follows from what it makes.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "melpix/config.h"
#include "melpix/export.h"
#include "melpix/frontend.h"

namespace melpix {

// kMixed: single precision where it shows no more than rounding would, else double.
enum class Precision { kMixed, kSingle, kDouble };

// What is made of a signal: mel values, features, pixels of 8 or 16 bits.
enum class Product { kMel, kFeatures, kImage8, kImage16 };

// Whether single precision makes it. Of kMixed that is so for mel values and, as 8 bits, for
// logarithms: single precision knows there which frames it has to leave to double. It does not
// know of powers below 1, and not of samples that `level` spreads from -1 to 1.
MELPIX_API bool is_single(const Config& config, Precision precision, Product product);

// Plans what is asked for when it is asked for first, `first` at once; one instance may serve any
// number of threads.
class MixedFrontend {
 public:
  using Either = std::variant<Frontend<float>, Frontend<double>>;

  // Throws what Frontend's constructor does.
  MELPIX_API MixedFrontend(const Config& config, Precision precision, Product first,
                           const std::string& isa = "");
  MELPIX_API ~MixedFrontend();
  MELPIX_API MixedFrontend(MixedFrontend&&) noexcept;
  MELPIX_API MixedFrontend& operator=(MixedFrontend&&) noexcept;

  // The front-end that makes it. Throws std::bad_alloc.
  MELPIX_API const Either& of(Product product) const;

  MELPIX_API Precision precision() const;

 private:
  struct Plans;
  std::unique_ptr<Plans> plans_;
};

}  // namespace melpix
