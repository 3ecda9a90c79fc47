// SPDX-License-Identifier: MIT
// Compiled once per instruction set, by isa_*.cpp. Everything that is compiled with special flags
// lives in a namespace of its own, pocketfft included: otherwise a linker may keep the AVX copy of
// an inline function for callers on processors without AVX. For the same reason nothing here runs
// at load time, and only function tables leave the file.
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "base/scratch.h"
#include "kernels.h"

#if defined(_MSC_VER) && !defined(__clang__)
// As -ffp-contract=off in cpp/CMakeLists.txt.
#pragma fp_contract(off)
#endif

// The standard headers stand above, outside of the renaming. pocketfft's scratch is the thread's.
#define POCKETFFT_NO_MULTITHREADING
#define pocketfft MELPIX_POCKETFFT
#define malloc(size) ::melpix::take_memory(size)
#define free(memory) ::melpix::give_memory(memory)
#include "pocketfft_hdronly.h"
#undef free
#undef malloc
#undef pocketfft

namespace melpix {
namespace MELPIX_ISA {
namespace {

#include "lanes.inl"
//
#include "fft/butterflies.inl"
//
#include "fft/subfft.inl"
//
#include "fft/chain.inl"
//
#include "fft/fft.inl"
//
#include "signal.inl"
//
#include "transpose.inl"
//
#include "frame.inl"
//
#include "mel.inl"
//
#include "doubt.inl"
//
#include "log.inl"
//
#include "exp.inl"
//
#include "compress.inl"
//
#include "normalise.inl"
//
#include "image.inl"

template <class T>
constexpr Kernels<T> make_table() {
  return {kLanes<T>,
          peak<T>,
          mix<T>,
          extremes<T>,
          rescale<T>,
          to_steps<T>,
          prepare<T>,
          fft_create<T>,
          fft_destroy<T>,
          fft_error<T>,
          fft_rows<T>,
          load<T>,
          spectrum<T>,
          real_spectrum<T>,
          mel<T>,
          doubt<T>,
          loudest<T>,
          compress<T>,
          store<T>,
          normalise<T>,
          moments<T>,
          pixels<T, std::uint8_t>,
          pixels<T, std::uint16_t>};
}

}  // namespace

extern const Kernels<float> kSingleKernels;
extern const Kernels<double> kDoubleKernels;
constexpr Kernels<float> kSingleKernels = make_table<float>();
constexpr Kernels<double> kDoubleKernels = make_table<double>();

}  // namespace MELPIX_ISA
}  // namespace melpix
