// SPDX-License-Identifier: MIT
// What a file of MPEG audio holds: its frames, counted, and what lies between them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "decode/mpeg_frame.h"
#include "decode/source.h"

namespace melpix::decode {

// Frames of one format that belong together: a file of its own, or what is left of one.
struct MpegRun {
  std::uint64_t start = 0;   // its place in the source, in bytes
  std::uint64_t stop = 0;    // the end of its last frame
  std::uint64_t frames = 0;  // of sound: one that only informs (MpegInfo) is not counted
  MpegFrame first{};
  bool informed = false;                // whether the first frame has an MpegInfo
  std::optional<std::uint32_t> stated;  // the frames of sound, as that tells
  bool variable = false;                // the bit rate is
  // Whether a decoder that is at the end of the run before finds this one, and takes it for the
  // same sound.
  bool follows = false;
  // Whether a decoder has to pass over something between its frames: it may take a part of that for
  // a frame, or miss one.
  bool broken = false;
  // Bytes between its frames or behind them that may have been sound: neither frames, nor tags, nor
  // zeros, and as many in one place as a frame has.
  std::uint64_t lost = 0;
};

struct MpegSurvey {
  std::uint64_t start = 0;  // of the first frame, whole or not
  // Whether libsndfile looks for it there: at the beginning, or behind ID3 tags alone.
  bool plain = false;
  std::uint64_t tag = 0;  // where the last tag before it begins; 0 if there is none
  std::vector<MpegRun> runs;
  bool clean_end = true;  // whether a decoder gets to the end without giving up
};

// Goes over the bytes `start` .. `stop` of a source once. None if they hold no MPEG audio, or if a
// container is around it. A first frame is one that two more of the same sound follow, or the end:
// bytes made by chance do not look like that.
std::optional<MpegSurvey> survey_mpeg(Source& source, std::uint64_t start, std::uint64_t stop);

}  // namespace melpix::decode
