// SPDX-License-Identifier: MIT
// 128-bit vectors with what every processor of the architecture has (SSE2 on x86-64), or plain
// loops where that has kernels of its own (NEON on ARM) and where the compiler lacks vector types.
#define MELPIX_ISA generic
#define MELPIX_POCKETFFT melpix_generic_pocketfft
#define MELPIX_LANE_BYTES 16
#include "isa_body.inl"
