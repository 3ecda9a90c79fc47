// SPDX-License-Identifier: MIT
// 512-bit vectors. CMake compiles this file alone with -mavx512f and its companions.
#define MELPIX_ISA avx512
#define MELPIX_POCKETFFT melpix_avx512_pocketfft
#define MELPIX_LANE_BYTES 64
#include "isa_body.inl"
