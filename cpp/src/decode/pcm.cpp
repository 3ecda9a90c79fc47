// SPDX-License-Identifier: MIT
#include "decode/decoder.h"

namespace melpix::decode {

std::unique_ptr<Decoder> open_pcm(std::unique_ptr<Source>&) { return nullptr; }

}  // namespace melpix::decode
