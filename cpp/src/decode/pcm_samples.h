// SPDX-License-Identifier: MIT
// From the bytes of plain samples to numbers, as libsndfile converts them: integers are divided by
// 2^(bits - 1), and so are the 16 bits that A-law and µ-law (ITU-T G.711) stand for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decode/pcm_layout.h"

namespace melpix::decode {

// Converts `count` samples, which may lie at any address.
template <class T>
using Convert = void (*)(const unsigned char* in, T* out, std::size_t count);

// As int16: null for what has more than 16 bits.
Convert<std::int16_t> to_int16(Encoding encoding, bool big);
Convert<float> to_float(Encoding encoding, bool big);
Convert<double> to_double(Encoding encoding, bool big);

}  // namespace melpix::decode
