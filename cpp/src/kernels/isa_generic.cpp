// SPDX-License-Identifier: MIT
// 128-bit vectors with what every processor of the architecture has: SSE2, NEON, or plain loops.
#define MELPIX_ISA generic
#define MELPIX_POCKETFFT melpix_generic_pocketfft
#define MELPIX_LANE_BYTES 16
#include "isa_body.inl"
