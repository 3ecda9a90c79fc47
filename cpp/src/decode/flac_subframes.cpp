// SPDX-License-Identifier: MIT
// dr_flac's bit reader and its kernels, which this file drives subframe by subframe: dr_flac itself
// skips what is broken without a word. Nothing of it leaves this file, which is compiled for the
// baseline: dr_flac's kernels for SSE4.1 take a sixth longer than its plain ones.
#include "decode/flac_subframes.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#define MINIAUDIO_IMPLEMENTATION
#define MA_API static
#define MA_NO_DEVICE_IO
#define MA_NO_ENCODING
#define MA_NO_ENGINE
#define MA_NO_GENERATION
#define MA_NO_MP3
#define MA_NO_NODE_GRAPH
#define MA_NO_RESOURCE_MANAGER
#define MA_NO_RUNTIME_LINKING
#define MA_NO_THREADING
#define MA_NO_WAV
#define MA_DR_FLAC_NO_CRC  // crc.h takes a third of the time
#include <miniaudio.h>

namespace melpix::decode {

namespace {

constexpr unsigned kMostOrder = 32;
constexpr unsigned kMostBits = 32;  // of dr_flac's samples

struct Reader {
  const unsigned char* data;
  std::size_t size, at;
  bool ended;
};

std::size_t read_some(void* user, void* to, std::size_t count) {
  auto& reader = *static_cast<Reader*>(user);
  const std::size_t found = std::min(count, reader.size - reader.at);
  reader.ended |= found < count;
  std::memcpy(to, reader.data + reader.at, found);
  reader.at += found;
  return found;
}

// The bits of a frame. Each call returns whether there was what it reads.
class Bits {
 public:
  Bits(const unsigned char* data, std::size_t size) : reader_{data, size, 0, false} {
    bits_.onRead = read_some;
    bits_.pUserData = &reader_;
    ma_dr_flac__reset_cache(&bits_);
    static bool once = (ma_dr_flac__init_cpu_caps(), true);
    (void)once;
  }

  bool number(unsigned count, std::uint32_t& x) {
    return ma_dr_flac__read_uint32(&bits_, count, &x);
  }
  bool signed_number(unsigned count, std::int32_t& x) {
    return ma_dr_flac__read_int32(&bits_, count, &x);
  }
  bool signed_number(unsigned count, std::int64_t& x) {
    std::int32_t high;
    if (count <= kMostBits) {
      const bool found = signed_number(count, high);
      x = high;
      return found;
    }
    std::uint32_t low;
    if (!signed_number(count - kMostBits, high) || !number(kMostBits, low)) return false;
    x = std::int64_t{high} * (std::int64_t{1} << kMostBits) + low;
    return true;
  }
  bool zeros(unsigned& count) { return ma_dr_flac__seek_past_next_set_bit(&bits_, &count); }

  // Goes to the next byte; the bits before it are 0.
  bool align() {
    const auto count = static_cast<unsigned>(left() & 7);
    std::uint32_t x = 0;
    return count == 0 || (number(count, x) && x == 0);
  }
  std::size_t used() const {
    const std::size_t lines = MA_DR_FLAC_CACHE_L2_LINES_REMAINING(&bits_);
    return reader_.at - lines * sizeof(bits_.cache) - bits_.unalignedByteCount - left() / 8;
  }
  // Whether more was asked for than there is: then a failure may be that of the end.
  bool ended() const { return reader_.ended; }

  ma_dr_flac_bs* of_dr_flac() { return &bits_; }

 private:
  std::size_t left() const { return MA_DR_FLAC_CACHE_L1_BITS_REMAINING(&bits_); }

  Reader reader_;
  ma_dr_flac_bs bits_;
};

struct Predictor {
  unsigned order = 0;
  std::int32_t shift = 0;
  unsigned precision = 0;  // bits of a coefficient
  std::int32_t coefficients[kMostOrder] = {};
};

// What the encoder's prediction lacks, in partitions (section 9.2.7), is added to `applied`'s own,
// and written behind the first `order` samples.
bool residual(Bits& bits, unsigned depth, std::size_t block, unsigned order,
              const Predictor& applied, std::int32_t* samples) {
  std::uint32_t method, partition_order;
  if (!bits.number(2, method) || method > 1 || !bits.number(4, partition_order)) return false;
  const std::size_t partition = block >> partition_order;
  if (partition << partition_order != block || partition < order) return false;
  const unsigned coded = method == 0 ? 4 : 5;  // bits of a partition's parameter
  const std::uint32_t escape = (1u << coded) - 1;
  std::int32_t* out = samples + order;
  for (std::uint32_t i = 0; i >> partition_order == 0; ++i) {
    const auto count = static_cast<ma_uint32>(i == 0 ? partition - order : partition);
    std::uint32_t parameter;
    if (!bits.number(coded, parameter)) return false;
    const auto decode = parameter == escape ? ma_dr_flac__decode_samples_with_residual__unencoded
                                            : ma_dr_flac__decode_samples_with_residual__rice;
    if (parameter == escape && !bits.number(5, parameter)) return false;
    if (!decode(bits.of_dr_flac(), depth, count, static_cast<ma_uint8>(parameter), applied.order,
                applied.shift, applied.precision, applied.coefficients, out))
      return false;
    out += count;
  }
  return true;
}

// Samples of up to 32 bits.
bool predicted(Bits& bits, unsigned depth, std::size_t block, const Predictor& predictor,
               std::int32_t* samples) {
  return residual(bits, depth, block, predictor.order, predictor, samples);
}

// Those of 33, which dr_flac's kernels do not hold: `between` takes what is added to the
// prediction.
bool predicted(Bits& bits, unsigned depth, std::size_t block, const Predictor& predictor,
               std::int64_t* samples, std::int32_t* between) {
  if (!residual(bits, depth, block, predictor.order, Predictor(), between)) return false;
  for (std::size_t i = predictor.order; i < block; ++i) {
    std::uint64_t sum = 0;  // wraps around where a file is made to overflow it
    for (unsigned j = 0; j < predictor.order; ++j)
      sum += static_cast<std::uint64_t>(predictor.coefficients[j]) *
             static_cast<std::uint64_t>(samples[i - 1 - j]);
    const auto prediction =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(sum) >> predictor.shift);
    samples[i] = static_cast<std::int64_t>(prediction + static_cast<std::uint64_t>(between[i]));
  }
  return true;
}

template <class Sample>
bool first_samples(Bits& bits, unsigned depth, std::size_t count, Sample* samples) {
  for (std::size_t i = 0; i < count; ++i)
    if (!bits.signed_number(depth, samples[i])) return false;
  return true;
}

bool fixed_predictor(unsigned order, Predictor& predictor) {
  constexpr std::int32_t coefficients[][4] = {{}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}};
  predictor.order = order;
  predictor.precision = 4;
  std::copy(coefficients[order], coefficients[order] + 4, predictor.coefficients);
  return true;
}

bool read_predictor(Bits& bits, unsigned order, Predictor& predictor) {
  std::uint32_t less_one;
  predictor.order = order;
  if (!bits.number(4, less_one) || less_one == 15) return false;
  predictor.precision = less_one + 1;
  if (!bits.signed_number(5, predictor.shift) || predictor.shift < 0) return false;
  return first_samples(bits, predictor.precision, order, predictor.coefficients);
}

// One channel's samples of `depth` bits; `between` is for those of 33 only.
template <class Sample, class... Between>
bool subframe(Bits& bits, unsigned depth, std::size_t block, Sample* samples, Between... between) {
  std::uint32_t head;
  if (!bits.number(8, head) || head >> 7 != 0) return false;
  unsigned wasted = 0;
  if ((head & 1) != 0) {
    if (!bits.zeros(wasted)) return false;
    if (++wasted >= depth) return false;
    depth -= wasted;
  }
  const unsigned type = head >> 1;
  if (type == 0) {
    if (!first_samples(bits, depth, 1, samples)) return false;
    std::fill(samples + 1, samples + block, samples[0]);
  } else if (type == 1) {
    if (!first_samples(bits, depth, block, samples)) return false;
  } else {
    const bool fixed = type >= 8 && type <= 12;
    if (!fixed && type < 32) return false;
    const unsigned order = fixed ? type - 8 : type - 31;
    Predictor predictor;
    // Of as many samples as its order, libFLAC reads no prediction.
    if (order >= block || !first_samples(bits, depth, order, samples)) return false;
    if (fixed ? !fixed_predictor(order, predictor) : !read_predictor(bits, order, predictor))
      return false;
    if (!predicted(bits, depth, block, predictor, samples, between...)) return false;
  }
  using Unsigned = std::make_unsigned_t<Sample>;
  if (wasted > 0)
    for (std::size_t i = 0; i < block; ++i)
      samples[i] = static_cast<Sample>(static_cast<Unsigned>(samples[i]) << wasted);
  return true;
}

}  // namespace

Subframes decode_subframes(const unsigned char* data, std::size_t size, const FlacFrame& header,
                           std::int32_t* samples, std::int64_t* wide, std::size_t& used) {
  Bits bits(data, size);
  for (std::size_t channel = 0; channel < header.channels; ++channel) {
    const unsigned depth = header.bits + (is_side(header.stereo, channel) ? 1 : 0);
    std::int32_t* row = samples + channel * header.block;
    const bool done = depth > kMostBits ? subframe(bits, depth, header.block, wide, row)
                                        : subframe(bits, depth, header.block, row);
    if (!done) return bits.ended() ? Subframes::kEnds : Subframes::kBroken;
  }
  if (!bits.align()) return bits.ended() ? Subframes::kEnds : Subframes::kBroken;
  used = bits.used();
  return Subframes::kDone;
}

}  // namespace melpix::decode
