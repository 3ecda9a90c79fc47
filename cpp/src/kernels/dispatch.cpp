// SPDX-License-Identifier: MIT
// Picks the instruction set. The only file that knows which ones were built.
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/check.h"
#include "cpu_features.h"
#include "kernels.h"
#include "melpix/isa.h"

namespace melpix {

#define MELPIX_DECLARE(isa)                    \
  namespace isa {                              \
  extern const Kernels<float> kSingleKernels;  \
  extern const Kernels<double> kDoubleKernels; \
  }
#ifdef MELPIX_HAVE_GENERIC
MELPIX_DECLARE(generic)
#endif
#ifdef MELPIX_HAVE_AVX2
MELPIX_DECLARE(avx2)
#endif
#ifdef MELPIX_HAVE_AVX512
MELPIX_DECLARE(avx512)
#endif
#ifdef MELPIX_HAVE_NEON
MELPIX_DECLARE(neon)
#endif
#undef MELPIX_DECLARE

namespace {

[[maybe_unused]] bool always() { return true; }

const Isa kIsas[] = {
#ifdef MELPIX_HAVE_GENERIC
    {"generic", always, &generic::kSingleKernels, &generic::kDoubleKernels},
#endif
#ifdef MELPIX_HAVE_AVX2
    {"avx2", cpu_has_avx2, &avx2::kSingleKernels, &avx2::kDoubleKernels},
#endif
#ifdef MELPIX_HAVE_AVX512
    {"avx512", cpu_has_avx512, &avx512::kSingleKernels, &avx512::kDoubleKernels},
#endif
#ifdef MELPIX_HAVE_NEON
    {"neon", always, &neon::kSingleKernels, &neon::kDoubleKernels},
#endif
};

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : kIsas)
    if (isa.supported()) names.emplace_back(isa.name);
  return names;
}

std::string default_isa() { return find_isa("").name; }

const Isa& find_isa(const char* name) {
  const char* forced = *name == '\0' ? std::getenv("MELPIX_ISA") : nullptr;
  const bool by_environment = forced != nullptr && *forced != '\0';
  if (by_environment) name = forced;

  const Isa* found = nullptr;  // the last that fits: the list runs from weak to strong
  for (const Isa& isa : kIsas)
    if (isa.supported() && (*name == '\0' || std::strcmp(name, isa.name) == 0)) found = &isa;
  if (found != nullptr) return *found;

  std::string names;
  for (const std::string& known : available_isas()) names += (names.empty() ? "" : ", ") + known;
  throw refused(by_environment ? "MELPIX_ISA" : "isa", " must be one of ", names, ", got '", name,
                "'");
}

}  // namespace melpix
