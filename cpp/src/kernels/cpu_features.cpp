// SPDX-License-Identifier: MIT
#include "cpu_features.h"

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace melpix {

bool cpu_has_avx2() {
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
  // The compiler's run time asks CPUID, and XGETBV for what the operating system saves.
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(_MSC_VER) && defined(_M_X64)
  constexpr int kFma = 1 << 12, kOsxsave = 1 << 27, kAvx2 = 1 << 5;
  constexpr unsigned long long kXmmAndYmm = 6;
  int leaf[4];
  __cpuid(leaf, 0);
  if (leaf[0] < 7) return false;
  __cpuid(leaf, 1);
  if (!(leaf[2] & kFma) || !(leaf[2] & kOsxsave)) return false;
  if ((_xgetbv(0) & kXmmAndYmm) != kXmmAndYmm) return false;
  __cpuidex(leaf, 7, 0);
  return (leaf[1] & kAvx2) != 0;
#else
  return false;
#endif
}

}  // namespace melpix
