// SPDX-License-Identifier: MIT
// Any bytes, taken for a file of MPEG audio and for an Ogg file: from memory and from a file of the
// same bytes come the same pieces, one behind the other and within the file; and no byte is read
// many times.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "decode/mpeg_survey.h"
#include "decode/ogg_survey.h"

namespace {

using namespace melpix::decode;

// The same bytes as a source that is no memory.
class Pieces : public Source {
 public:
  Pieces(const std::uint8_t* data, std::size_t size) : memory_(open_memory(data, size)) {}
  std::uint64_t size() const override { return memory_->size(); }
  std::size_t read(std::uint64_t at, void* to, std::size_t count) override {
    read_ += count;
    return memory_->read(at, to, count);
  }
  std::uint64_t bytes_read() const { return read_; }

 private:
  std::unique_ptr<Source> memory_;
  std::uint64_t read_ = 0;
};

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// Of each kind: whether two pieces are the same, as far as they are what is read.
bool same(const MpegRun& a, const MpegRun& b) {
  return a.start == b.start && a.stop == b.stop && a.frames == b.frames && a.stated == b.stated &&
         a.follows == b.follows && a.broken == b.broken && a.lost == b.lost;
}
bool same(const OggLink& a, const OggLink& b) {
  return a.start == b.start && a.stop == b.stop && a.ended == b.ended && a.lost == b.lost &&
         a.end.has_value() == b.end.has_value();
}

template <class Piece>
void compare(const std::vector<Piece>& a, const std::vector<Piece>& b, std::size_t size) {
  require(a.size() == b.size(), "as many pieces");
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    require(same(a[i], b[i]), "the same pieces");
    require(a[i].start >= end && a[i].stop > a[i].start && a[i].stop <= size, "in their order");
    end = a[i].stop;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::unique_ptr<Source> memory = open_memory(data, size);
  Pieces frames(data, size), pages(data, size);
  const std::optional<MpegSurvey> a = survey_mpeg(*memory, 0, size);
  const std::optional<MpegSurvey> b = survey_mpeg(frames, 0, size);
  require(a.has_value() == b.has_value(), "sound from both or from none");
  if (a && b) compare(a->runs, b->runs, size);
  compare(survey_ogg(*memory), survey_ogg(pages), size);
  require(frames.bytes_read() <= 8 * size && pages.bytes_read() <= 8 * size, "bytes read");
  return 0;
}
