// SPDX-License-Identifier: MIT
// One block of frames on its way from samples to features, in one precision.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/scratch.h"
#include "kernels/kernels.h"
#include "melpix/config.h"
#include "stages/doubt.h"
#include "stages/frame.h"
#include "stages/mel.h"

namespace melpix {

// What all blocks of a front-end share: immutable.
template <class T>
struct BlockPlan {
  BlockPlan(const Config& config, const Isa& isa);

  const Config& config;
  const Kernels<T>& kernels;
  std::size_t margin;  // samples of a frame before its window
  std::size_t win_length;
  std::vector<T> window;   // n_fft samples, times the gain
  double most_weight = 0;  // the greatest square of them
  MelBands<T> mel;
  Compression<T> compression;
  std::unique_ptr<void, void (*)(void*)> fft;
  Doubt<T> doubt;
};

// The buffers of one block, from the thread's scratch memory.
template <class T>
class Block {
 public:
  explicit Block(const BlockPlan<T>& plan);

  // Loads `count` <= lanes frames, given by their indices; the remaining lanes repeat the last.
  // Consecutive frames (frames == nullptr: begin, begin + 1, ...) are used where they lie if
  // possible.
  void load(const SampleReader<T>& reader, std::size_t begin, std::size_t count,
            const std::size_t* frames = nullptr);

  // Loaded frames to powers, or real parts, of bins.
  void spectrum();

  // Bins to mel bands.
  void mel();

  // Lanes with a band in doubt, as bits, where bands become logarithms, and where they are the
  // result: see doubt.h.
  unsigned doubt() const;
  unsigned mel_doubt(double* greatest) const;

  // Mel bands to compressed values. `smooth` is what PCEN carries from frame to frame: see
  // kernels.h.
  void compress(T* smooth = nullptr);

  // n_mels rows of `lanes` values.
  T* bands() { return bands_; }

 private:
  // Which frames a block holds: `count` of them, from `begin` on or as `frames` says.
  struct Chosen {
    std::size_t begin, count;
    const std::size_t* frames;
    std::size_t operator[](std::size_t lane) const {
      return frames == nullptr ? begin + lane : frames[lane];
    }
  };
  // Where their samples lie: the frame of lane i begins at samples + i * stride.
  struct Frames {
    const T* samples;
    std::ptrdiff_t stride;
  };
  Frames stage(const SampleReader<T>& reader, const Chosen& chosen);
  std::optional<Frames> stage_overlapping(const SampleReader<T>& reader, std::size_t begin);
  Frames stage_one(const SampleReader<T>& reader, std::ptrdiff_t start);
  Frames stage_prepared(const SampleReader<T>& reader, const Chosen& chosen);
  template <class Put>
  Frames stage_each(const Chosen& chosen, const Put& put);
  double prepare(const SampleReader<T>& reader, std::ptrdiff_t start, T* frame);

  const BlockPlan<T>& plan_;
  Frames in_{};  // what was loaded
  Scratch<T> staging_;
  Scratch<T> block_;
  Scratch<T> bins_;
  Scratch<T> bands_;
  Scratch<T> energy_;
  double lost_[kMaxLanes] = {};  // see prepare()
  std::size_t count_ = 0;        // frames that are loaded
};

}  // namespace melpix
