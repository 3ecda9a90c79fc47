// SPDX-License-Identifier: MIT
#include "melpix/mixed.h"

#include <mutex>
#include <optional>

namespace melpix {

bool is_single(const Config& c, Precision precision, Product product) {
  if (precision != Precision::kMixed) return precision == Precision::kSingle;
  if (c.power < 1 || c.level == Level::kMinmax) return false;
  return product == Product::kMel || (product == Product::kImage8 && is_log(c.compress));
}

struct MixedFrontend::Plans {
  struct Planned {
    std::once_flag once;
    std::optional<Either> frontend;
  };
  Config config;
  Precision precision;
  std::string isa;
  Planned single, twice;
};

MixedFrontend::MixedFrontend(const Config& config, Precision precision, Product first,
                             const std::string& isa)
    : plans_(new Plans{config, precision, isa, {}, {}}) {
  of(first);
}
MixedFrontend::~MixedFrontend() = default;
MixedFrontend::MixedFrontend(MixedFrontend&&) noexcept = default;
MixedFrontend& MixedFrontend::operator=(MixedFrontend&&) noexcept = default;

auto MixedFrontend::of(Product product) const -> const Either& {
  const bool single = is_single(plans_->config, plans_->precision, product);
  Plans::Planned& planned = single ? plans_->single : plans_->twice;
  std::call_once(planned.once, [&] {
    if (single)
      planned.frontend.emplace(std::in_place_index<0>, plans_->config, plans_->isa);
    else
      planned.frontend.emplace(std::in_place_index<1>, plans_->config, plans_->isa);
  });
  return *planned.frontend;
}

Precision MixedFrontend::precision() const { return plans_->precision; }

}  // namespace melpix
