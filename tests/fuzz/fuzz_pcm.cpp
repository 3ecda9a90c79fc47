// SPDX-License-Identifier: MIT
// Any bytes, taken for a file of plain samples: from memory and from a file of the same bytes come
// the same frames, as many as are told, whole, mixed and from a place in the middle.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "decode/decoder.h"

namespace {

using melpix::decode::Decoder;
using melpix::decode::Source;

// The same bytes as a source that is no memory, so that they are read piece by piece.
class Pieces : public Source {
 public:
  Pieces(const std::uint8_t* data, std::size_t size)
      : memory_(melpix::decode::open_memory(data, size)) {}
  std::uint64_t size() const override { return memory_->size(); }
  std::size_t read(std::uint64_t at, void* to, std::size_t count) override {
    return memory_->read(at, to, count);
  }

 private:
  std::unique_ptr<Source> memory_;
};

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// All frames from one on, so many samples at a time.
template <class T>
std::vector<T> all(Decoder& decoder, std::uint64_t from, std::size_t together) {
  const std::size_t channels = decoder.facts().channels;
  const std::size_t step = std::max<std::size_t>(1, together / channels);
  const std::uint64_t frames = *decoder.facts().frames;
  std::vector<T> samples;
  decoder.seek(from);
  for (std::uint64_t at = from;;) {
    std::vector<T> part(step * channels);
    const std::size_t n = decoder.read(part.data(), step);
    samples.insert(samples.end(), part.begin(), part.begin() + static_cast<long>(n * channels));
    at += n;
    require(at <= frames, "more frames than are told");
    if (n < step) {
      require(at == frames, "fewer frames than are told");
      return samples;
    }
  }
}

template <class T>
void compare(Decoder& memory, Decoder& pieces) {
  const auto same = [](const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
  };
  const std::size_t channels = memory.facts().channels;
  const std::uint64_t middle = *memory.facts().frames / 2;
  const std::vector<T> whole = all<T>(memory, 0, 4096);
  require(same(whole, all<T>(pieces, 0, 333)), "a file differs from memory");
  const std::vector<T> rest(whole.begin() + static_cast<long>(middle * channels), whole.end());
  require(same(rest, all<T>(pieces, middle, 4096)), "a part differs from the whole");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto memory = melpix::decode::open_decoder(melpix::decode::open_memory(data, size));
  const auto pieces = melpix::decode::open_decoder(std::make_unique<Pieces>(data, size));
  require((memory == nullptr) == (pieces == nullptr), "a file is read, but not as memory");
  if (!memory) return 0;
  const auto& facts = memory->facts();
  require(facts.frames == pieces->facts().frames && facts.sr == pieces->facts().sr &&
              facts.format == pieces->facts().format && facts.subtype == pieces->facts().subtype,
          "what a file tells differs from memory");
  require(facts.channels >= 1 && facts.channels <= 1024 && facts.sr >= 1, "impossible facts");
  require(*facts.frames * facts.channels <= size, "more samples than bytes");
  require(memory->truncated() == pieces->truncated() &&
              memory->length_estimated() == pieces->length_estimated() &&
              memory->remark() == pieces->remark(),
          "flags differ");
  compare<float>(*memory, *pieces);
  compare<double>(*memory, *pieces);
  if (memory->has_int16()) compare<std::int16_t>(*memory, *pieces);
  std::vector<float> mono(static_cast<std::size_t>(*facts.frames) + 1);
  memory->seek(0);
  require(memory->read_mono(mono.data(), mono.size()) == *facts.frames, "mixing loses frames");
  return 0;
}
