// SPDX-License-Identifier: MIT
// 128-bit vectors with fused multiply-add, which every 64-bit ARM processor has. (Rows of two
// registers would halve the loads of twiddle factors, but GCC takes their comparisons apart.)
#define MELPIX_ISA neon
#define MELPIX_POCKETFFT melpix_neon_pocketfft
#define MELPIX_LANE_BYTES 16
#include "isa_body.inl"
