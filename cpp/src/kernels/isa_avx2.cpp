// SPDX-License-Identifier: MIT
// 256-bit vectors with fused multiply-add. CMake compiles this file alone with -mavx2 -mfma.
#define MELPIX_ISA avx2
#define MELPIX_POCKETFFT melpix_avx2_pocketfft
#define MELPIX_LANE_BYTES 32
#include "isa_body.inl"
