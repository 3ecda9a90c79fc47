// SPDX-License-Identifier: MIT
#pragma once

namespace melpix {

// True if both the processor and the operating system (which must save the wide registers) can.
bool cpu_has_avx2();    // AVX2 and FMA
bool cpu_has_avx512();  // F, BW, DQ and VL, besides those

}  // namespace melpix
