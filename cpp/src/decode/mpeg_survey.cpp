// SPDX-License-Identifier: MIT
#include "decode/mpeg_survey.h"

#include <algorithm>
#include <cstddef>

#include "decode/bytes.h"
#include "decode/mpeg_tags.h"

namespace melpix::decode {

namespace {

constexpr std::uint64_t kJunk =
    1 << 16;  // bytes before the first frame: mpg123 passes over as many
constexpr std::uint64_t kZeros = 1 << 24;  // bytes of 0 that may stand before that
constexpr int kParts = 8;                  // tags and stretches of zeros that may

// Bytes that mpg123 passes over between frames; it gives up after 1,024.
constexpr std::uint64_t kResync = 1000;

constexpr int kChain = 3;  // frames of one sound in a row that no chance makes

// Containers, which may hold frames of MPEG audio: then they are not that as they stand.
bool is_container(Bytes b) {
  if (b.size < 8) return false;
  const unsigned char* p = b.data;
  if (is(p, "RIFF") || is(p, "RIFX") || is(p, "RF64") || is(p, "riff") || is(p, "FORM") ||
      is(p, "fLaC") || is(p, "OggS") || is(p, "caff") || is(p, ".snd") || is(p, "FLV") ||
      is(p, "\x1a\x45\xdf\xa3") || is(p, "0&\xb2u") || is(p, "\0\0\x01\xba"))
    return true;
  p += 4;
  return is(p, "ftyp") || is(p, "moov") || is(p, "mdat") || is(p, "free") || is(p, "skip") ||
         is(p, "wide");
}

// What lies between two frames.
struct Gap {
  std::uint64_t stop = 0;     // where the next frame begins, or the end
  std::uint64_t hard = 0;     // bytes of it that are no tags that decoders know
  std::uint64_t unknown = 0;  // bytes of it that are nothing that is known
};

class Surveyor {
 public:
  Surveyor(Source& source, std::uint64_t start, std::uint64_t stop)
      : ahead_(source, stop), tags_(ahead_), at_(start) {}

  std::optional<MpegSurvey> survey() {
    if (!find_start()) return std::nullopt;
    at_ = found_.start;
    Gap before;
    for (bool passed = false;;) {
      const std::optional<MpegFrame> frame = frame_at(at_, passed ? 1 : 2);
      if (frame && at_ + frame->length > ahead_.stop()) break;  // cut short
      if (frame) {
        take(*frame, before);
        before = Gap{};
        passed = false;
      } else {
        if (passed) break;  // nothing more
        before = gap(step_back());
        at_ = before.stop;
        passed = true;
      }
    }
    lose(before);
    found_.clean_end = before.hard <= kResync;
    if (found_.plain && found_.start > plain_ && !found_.runs.empty()) {
      MpegRun& run = found_.runs.front();
      run.broken = true;
      if (found_.start - plain_ >= run.first.length) run.lost += found_.start - plain_;
    }
    return std::move(found_);
  }

 private:
  bool find_start() {
    bool only_tags = true;
    for (int parts = 0;; ++parts) {
      const Bytes b = ahead_.from(at_);
      if (is_container(b) || parts > kParts) return false;
      if (const std::uint64_t tag = tags_.id3(at_)) {
        found_.tag = at_;
        only_tags = only_tags && (b.data[5] & 16) == 0;  // with a footer it is none to libsndfile
        at_ += tag;
      } else if (b.size > 0 && b.data[0] == 0) {
        only_tags = false;
        at_ += std::min(tags_.zeros(at_), kZeros);
      } else {
        break;
      }
    }
    found_.plain = only_tags && mpeg_frame(ahead_.from(at_));
    found_.start = plain_ = at_;
    if (is_sound(at_, 1)) return true;
    const std::uint64_t end = at_ + kJunk;
    found_.start = search(at_ + 1, end);
    return found_.start < end && found_.start < ahead_.stop();
  }

  // Whether frames of one sound follow each other, kChain of them, or `least` up to the end.
  bool is_sound(std::uint64_t at, int least) {
    const Bytes b = ahead_.from(at);
    std::optional<MpegFrame> first;
    std::size_t place = 0;
    for (int count = 0; count < kChain; ++count) {
      if (place > b.size || b.size - place < kMpegHeader) return count >= least;
      const std::optional<MpegFrame> frame = mpeg_frame({b.data + place, b.size - place});
      if (!frame || (first && !akin(*first, *frame))) return false;
      if (!first) first = frame;
      place += frame->length;
    }
    return true;
  }

  // The frame at a place, if it is of the sound that the last one is of, or begins another.
  std::optional<MpegFrame> frame_at(std::uint64_t at, int least) {
    const std::optional<MpegFrame> frame = mpeg_frame(ahead_.from(at));
    if (!frame || found_.runs.empty() || akin(*frame, found_.runs.back().first)) return frame;
    return is_sound(at, least) ? frame : std::nullopt;
  }

  // The first place within from .. end where a sound begins; or the end.
  std::uint64_t search(std::uint64_t from, std::uint64_t end) {
    end = std::min(end, ahead_.stop());
    while (from < end) {
      const Bytes b = ahead_.from(from);
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(b.size, end - from));
      const void* sync = n > 0 ? std::memchr(b.data, 0xff, n) : nullptr;
      if (sync == nullptr) {
        from += std::max<std::size_t>(n, 1);
        continue;
      }
      from += static_cast<std::size_t>(static_cast<const unsigned char*>(sync) - b.data);
      if (mpeg_frame(ahead_.from(from)) && is_sound(from, 2)) return from;
      ++from;
    }
    return end;
  }

  void take(const MpegFrame& frame, const Gap& before) {
    std::optional<MpegInfo> info = mpeg_info(frame, ahead_.from(at_));
    const bool same = !found_.runs.empty() && akin(frame, found_.runs.back().first) &&
                      frame.channels == found_.runs.back().first.channels;
    const bool follows = same && before.hard <= kResync;
    lose(before);
    if (follows && before.hard > 0) found_.runs.back().broken = true;
    if (!follows || info) {
      MpegRun run;
      run.start = at_;
      run.first = frame;
      run.informed = info.has_value();
      if (info) run.stated = info->frames;
      run.follows = follows;
      found_.runs.push_back(run);
    }
    MpegRun& run = found_.runs.back();
    last_ = at_;
    length_ = frame.length;
    at_ += frame.length;
    run.stop = at_;
    if (info) return;
    run.variable = run.variable || (run.frames > 0 && frame.kbps != kbps_);
    kbps_ = frame.kbps;
    ++run.frames;
  }

  // Where what is no frame begins. A frame that was cut short where files were joined seems to
  // reach into what is behind it: then it is none.
  std::uint64_t step_back() {
    if (found_.runs.empty()) return at_;
    MpegRun& run = found_.runs.back();
    if (run.frames == 0 || last_ == run.start) return at_;
    if (search(last_ + kMpegHeader, at_) == at_ && !tag_within(last_ + kMpegHeader, at_))
      return at_;
    run.stop = last_;
    --run.frames;
    return last_;
  }

  // Whether a tag that a sound follows begins within from .. end. Only the first one is looked at.
  bool tag_within(std::uint64_t from, std::uint64_t end) {
    for (; from < end; ++from)
      if (const std::uint64_t length = tags_.known(from)) return is_sound(from + length, 1);
    return false;
  }

  Gap gap(std::uint64_t from) {
    Gap gap;
    std::uint64_t at = from;
    bool known = false;  // whether what was passed over last ends where it says
    while (at < ahead_.stop()) {
      if (at > from && (known ? is_sound(at, 1) : is_sound(at, 2))) break;
      known = true;
      if (const std::uint64_t tag = tags_.known(at)) {
        at += tag;
      } else if (const std::uint64_t lyrics = tags_.lyrics(at)) {
        gap.hard += lyrics;
        at += lyrics;
      } else if (const std::uint64_t zeros = tags_.zeros(at)) {
        gap.hard += zeros;
        at += zeros;
      } else {
        known = false;
        const std::uint64_t next = junk(at);
        gap.hard += next - at;
        gap.unknown += next - at;
        at = next;
      }
    }
    gap.stop = std::min(at, ahead_.stop());
    return gap;
  }

  // The end of what is nothing that is known: where a sound or a tag begins.
  std::uint64_t junk(std::uint64_t at) {
    for (++at; at < ahead_.stop(); ++at) {
      const unsigned char c = *ahead_.from(at).data;
      if (c == 0xff ? mpeg_frame(ahead_.from(at)) && is_sound(at, 2)
                    : (c == 'I' || c == 'A' || c == 'L' || c == 'T') &&
                          (tags_.known(at) != 0 || tags_.lyrics(at) != 0))
        break;
    }
    return at;
  }

  void lose(const Gap& gap) {
    if (!found_.runs.empty() && gap.unknown >= length_) found_.runs.back().lost += gap.unknown;
  }

  Ahead ahead_;
  MpegTags tags_;
  std::uint64_t at_;
  std::uint64_t plain_ = 0;   // where libsndfile looks for the first frame
  std::uint64_t last_ = 0;    // where the last frame began
  std::uint32_t length_ = 0;  // its length
  std::uint32_t kbps_ = 0;    // its bit rate
  MpegSurvey found_;
};

}  // namespace

std::optional<MpegSurvey> survey_mpeg(Source& source, std::uint64_t start, std::uint64_t stop) {
  return Surveyor(source, start, stop).survey();
}

}  // namespace melpix::decode
