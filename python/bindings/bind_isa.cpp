// SPDX-License-Identifier: MIT
#include <algorithm>

#include "bindings.h"
#include "melpix/isa.h"

#if defined(_M_X64) || defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

#if defined(_M_X64) || defined(__x86_64__)

#if defined(__GNUC__) || defined(__clang__)
__attribute__((target("avx")))
#endif
void zero_upper() {
  _mm256_zeroupper();
}

// Sets the upper halves of the vector registers to zero, where there are any. ISA-L's deflate and
// checksums leave them set. All SSE code that the thread runs next must then wait for them: soxr
// and libsndfile take up to three times as long.
void clear_upper_registers() {
  static const bool exist = [] {
    const auto isas = melpix::available_isas();
    return std::find(isas.begin(), isas.end(), "avx2") != isas.end();
  }();
  if (exist) zero_upper();
}

#else

void clear_upper_registers() {}

#endif

}  // namespace

void bind_isa(py::module_& m) {
  m.def("available_isas", &melpix::available_isas);
  m.def("clear_upper_registers", &clear_upper_registers);
  m.def("default_isa", &melpix::default_isa);
}
