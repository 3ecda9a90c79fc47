// SPDX-License-Identifier: MIT
// Frames in doubt, computed again in double precision.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/kernels.h"
#include "stages/block.h"
#include "stages/frame.h"

namespace melpix {

// Computes frames again in double precision and puts their mel values, or their logarithms, into a
// block of floats.
class Refiner {
 public:
  Refiner(const BlockPlan<double>& plan, bool compressed)
      : plan_(plan), compressed_(compressed), block_(plan) {}

  // `doubtful` has a bit for each of the block's frames, [begin, begin + count). Its remaining
  // lanes repeat the last frame, then as before.
  void refine(const SampleReader<double>& reader, unsigned doubtful, std::size_t begin,
              std::size_t count, std::size_t lanes, float* bands) {
    std::size_t frames[kMaxLanes], waiting = 0;
    for (std::size_t lane = 0; lane < count; ++lane) {
      if (doubtful >> lane & 1u) frames[waiting++] = begin + lane;
      if (waiting > 0 && (waiting == plan_.kernels.lanes || lane + 1 == count)) {
        const bool together = frames[waiting - 1] - frames[0] + 1 == waiting;
        block_.load(reader, frames[0], waiting, together ? nullptr : frames);
        block_.spectrum();
        block_.mel();
        if (compressed_) block_.compress();
        for (std::size_t m = 0; m < plan_.config.mel.n_mels; ++m)
          for (std::size_t i = 0; i < waiting; ++i)
            bands[m * lanes + frames[i] - begin] =
                static_cast<float>(block_.bands()[m * plan_.kernels.lanes + i]);
        waiting = 0;
      }
    }
    for (std::size_t m = 0; m < plan_.config.mel.n_mels; ++m)
      std::fill(bands + m * lanes + count, bands + (m + 1) * lanes, bands[m * lanes + count - 1]);
  }

 private:
  const BlockPlan<double>& plan_;
  bool compressed_;
  Block<double> block_;
};

}  // namespace melpix
