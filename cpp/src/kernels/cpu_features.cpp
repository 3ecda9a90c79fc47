// SPDX-License-Identifier: MIT
#include "cpu_features.h"

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
#include <intrin.h>
#endif

namespace melpix {

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)

namespace {

// Leaf 7's EBX, or 0 if the processor lacks FMA or the operating system does not save the
// registers that `state` names.
int features(unsigned long long state) {
  constexpr int kFma = 1 << 12, kOsxsave = 1 << 27;
  int leaf[4];
  __cpuid(leaf, 0);
  if (leaf[0] < 7) return 0;
  __cpuid(leaf, 1);
  if (!(leaf[2] & kFma) || !(leaf[2] & kOsxsave)) return 0;
  if ((_xgetbv(0) & state) != state) return 0;
  __cpuidex(leaf, 7, 0);
  return leaf[1];
}

}  // namespace

bool cpu_has_avx2() {
  constexpr unsigned long long kXmmAndYmm = 6;
  constexpr int kAvx2 = 1 << 5;
  return (features(kXmmAndYmm) & kAvx2) != 0;
}

bool cpu_has_avx512() {
  constexpr unsigned long long kXmmToZmm = 0xe6;
  constexpr int kAll = 1 << 5 | 1 << 16 | 1 << 17 | 1 << 30 | static_cast<int>(1u << 31);
  return (features(kXmmToZmm) & kAll) == kAll;  // AVX2, F, DQ, BW, VL
}

#elif (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)

// The compiler's run time asks CPUID, and XGETBV for what the operating system saves.
bool cpu_has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool cpu_has_avx512() {
  return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

#else

bool cpu_has_avx2() { return false; }
bool cpu_has_avx512() { return false; }

#endif

}  // namespace melpix
