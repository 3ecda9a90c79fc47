// SPDX-License-Identifier: MIT
#pragma once

namespace melpix {

// True if both the processor and the operating system (which must save the wide registers) can.
bool cpu_has_avx2();
bool cpu_has_avx512();  // F, BW, DQ and VL, besides AVX2 and FMA  // AVX2 and FMA

}  // namespace melpix
