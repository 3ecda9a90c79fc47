// SPDX-License-Identifier: MIT
// FLAC streams made by hand. What encoders make is tested in Python.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "decode/crc.h"
#include "decode/decoder.h"
#include "decode/mix.h"

namespace {

using melpix::decode::DecodeError;
using melpix::decode::Decoder;
using Bytes = std::vector<unsigned char>;

void put(Bytes& to, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) to.push_back(static_cast<unsigned char>(value >> 8 * i));
}

struct Stream {
  std::size_t channels = 2, bits = 16, block = 20, frames = 5;
  std::uint64_t total = 100;
  std::uint32_t first = 0;  // number

  // Each sample tells its place and channel.
  std::int64_t sample(std::size_t i, std::size_t channel) const {
    const auto x = static_cast<std::int64_t>(i * 7919 + channel * 104729);
    return x % (std::int64_t{1} << (bits - 1)) - (std::int64_t{1} << (bits - 2));
  }

  Bytes header() const {
    Bytes data = {'f', 'L', 'a', 'C', 0x80, 0, 0, 34};
    put(data, block << 16 | block, 4);
    put(data, 0, 6);
    put(data, std::uint64_t{44100} << 44 | (channels - 1) << 41 | (bits - 1) << 36 | total, 8);
    data.insert(data.end(), 16, 0);
    return data;
  }

  // With samples of whole bytes.
  Bytes frame(std::size_t index) const {
    Bytes data;
    put(data, 0xfff8, 2);
    put(data, 0x60 | 9, 1);
    put(data, (channels - 1) << 4, 1);
    put(data, first + index, 1);
    put(data, block - 1, 1);
    data.push_back(melpix::decode::crc8(data.data(), data.size()));
    for (std::size_t c = 0; c < channels; ++c) {
      data.push_back(1 << 1);
      for (std::size_t i = 0; i < block; ++i)
        put(data, static_cast<std::uint64_t>(sample(index * block + i, c)),
            static_cast<int>(bits / 8));
    }
    put(data, melpix::decode::crc16(data.data(), data.size()), 2);
    return data;
  }

  Bytes whole() const {
    Bytes data = header();
    for (std::size_t i = 0; i < frames; ++i) {
      const Bytes one = frame(i);
      data.insert(data.end(), one.begin(), one.end());
    }
    return data;
  }
};

std::unique_ptr<Decoder> open(const Bytes& data) {
  return melpix::decode::open_decoder(melpix::decode::open_memory(data.data(), data.size()));
}

std::size_t count(const Bytes& data, std::uint64_t from = 0) {
  const auto decoder = open(data);
  decoder->seek(from);
  std::vector<double> samples(1000 * decoder->facts().channels);
  return decoder->read(samples.data(), 1000);
}

void test_samples() {
  for (std::size_t channels : {1u, 2u, 5u, 8u})
    for (std::size_t bits : {8u, 16u, 24u, 32u}) {
      Stream stream;
      stream.channels = channels;
      stream.bits = bits;
      const Bytes data = stream.whole();
      const auto decoder = open(data);
      CHECK(decoder != nullptr);
      CHECK_EQUAL(decoder->facts().channels, channels);
      CHECK_EQUAL(*decoder->facts().frames, 100u);
      CHECK(decoder->has_int16() == (bits <= 16));
      const double scale = static_cast<double>(std::int64_t{1} << (bits - 1));
      for (std::uint64_t from : {0u, 1u, 19u, 20u, 55u, 99u}) {
        // Pieces of any length, in any order.
        decoder->seek(from);
        std::vector<double> samples(100 * channels);
        std::size_t n = decoder->read(samples.data(), 1);
        n += decoder->read(samples.data() + n * channels, 33);
        n += decoder->read(samples.data() + n * channels, 100 - n);
        CHECK_EQUAL(n, 100 - from);
        for (std::size_t i = 0; i < n * channels; ++i)
          CHECK_EQUAL(
              samples[i],
              static_cast<double>(stream.sample(from + i / channels, i % channels)) / scale);
      }
      std::vector<float> all(100 * channels), mixed(100), mono(100);
      decoder->seek(0);
      CHECK(decoder->read(all.data(), 100) == 100u);
      melpix::decode::mix(all.data(), channels, 100, mixed.data());
      decoder->seek(0);
      CHECK(decoder->read_mono(mono.data(), 101) == 100u);
      CHECK(mono == mixed);
      if (bits > 16) continue;
      std::vector<std::int16_t> shorts(100 * channels);
      decoder->seek(0);
      CHECK(decoder->read(shorts.data(), 100) == 100u);
      for (std::size_t i = 0; i < shorts.size(); ++i)
        CHECK_EQUAL(static_cast<float>(shorts[i]) / 32768.0f, all[i]);
    }
}

class Bits {
 public:
  void add(std::uint64_t value, std::size_t count) {
    while (count-- > 0) bits_.push_back((value >> count & 1) != 0);
  }
  void unary(std::uint64_t zeros) {
    bits_.insert(bits_.end(), zeros, false);
    bits_.push_back(true);
  }
  Bytes bytes() const {
    Bytes data((bits_.size() + 7) / 8);
    for (std::size_t i = 0; i < bits_.size(); ++i)
      if (bits_[i]) data[i / 8] = static_cast<unsigned char>(data[i / 8] | 128 >> i % 8);
    return data;
  }

 private:
  std::vector<bool> bits_;
};

// A frame of one channel, by linear prediction from the last `order` samples.
Bytes predicted(const std::vector<std::int64_t>& y, std::size_t bits, std::size_t order,
                std::int64_t scale) {
  constexpr std::size_t precision = 15, rice = 9;
  constexpr int shift = 5;
  Bits frame;
  frame.add((31 + order) << 1, 8);
  for (std::size_t i = 0; i < order; ++i) frame.add(static_cast<std::uint64_t>(y[i]), bits);
  frame.add(precision - 1, 4);
  frame.add(shift, 5);
  const auto coefficient = [&](std::size_t j) {
    return scale * (j % 2 == 0 ? 1 : -1) * static_cast<std::int64_t>(1 + j % 3);
  };
  for (std::size_t j = 0; j < order; ++j)
    frame.add(static_cast<std::uint64_t>(coefficient(j)), precision);
  frame.add(1, 2);  // five bits for a partition's parameter
  frame.add(0, 4);  // one partition
  frame.add(rice, 5);
  for (std::size_t i = order; i < y.size(); ++i) {
    std::int64_t sum = 0;
    for (std::size_t j = 0; j < order; ++j) sum += coefficient(j) * y[i - 1 - j];
    const std::int64_t rest = y[i] - (sum >> shift);
    const auto folded = static_cast<std::uint64_t>(rest >= 0 ? 2 * rest : -2 * rest - 1);
    frame.unary(folded >> rice);
    frame.add(folded, rice);
  }
  return frame.bytes();
}

// dr_flac has kernels of its own for each processor, up to order 4, 8 and 12, in 32 bits and 64.
void test_prediction() {
  for (std::size_t order = 1; order <= 32; ++order)
    for (std::size_t bits : {8u, 16u, 24u})
      for (std::int64_t scale : {1, 40}) {
        Stream stream;
        stream.channels = 1;
        stream.bits = bits;
        stream.block = stream.total = 77;
        std::vector<std::int64_t> y(stream.block);
        for (std::size_t i = 0; i < y.size(); ++i)
          y[i] = static_cast<std::int64_t>(i * i * 31 % 101 + order) - 50;
        Bytes data = stream.header(), frame = stream.frame(0);
        frame.resize(7);  // its header
        const Bytes rest = predicted(y, bits, order, scale);
        frame.insert(frame.end(), rest.begin(), rest.end());
        put(frame, melpix::decode::crc16(frame.data(), frame.size()), 2);
        data.insert(data.end(), frame.begin(), frame.end());
        std::vector<double> samples(y.size());
        CHECK(open(data)->read(samples.data(), y.size()) == y.size());
        for (std::size_t i = 0; i < y.size(); ++i)
          CHECK_EQUAL(samples[i], static_cast<double>(y[i]) / static_cast<double>(1 << (bits - 1)));
      }
}

void test_lengths() {
  Stream stream;
  stream.total = 0;
  CHECK(!open(stream.whole())->facts().frames);
  CHECK_EQUAL(count(stream.whole()), 100u);
  CHECK_EQUAL(count(stream.whole(), 1000), 0u);
  stream.total = 101;
  CHECK_THROWS(DecodeError, "declares 101 frames, but ends after 100", count(stream.whole()));
  // Of what lies behind the declared end, the reader is told.
  for (std::uint64_t total : {99u, 80u, 1u}) {
    stream.total = total;
    const Bytes data = stream.whole();
    const auto decoder = open(data);
    std::vector<float> samples(200);
    CHECK(decoder->read(samples.data(), 100) == total);
    CHECK(decoder->truncated());
    CHECK(decoder->remark().find("more sound") != std::string::npos);
  }
  stream.total = 100;
  Bytes tagged = stream.whole();
  tagged.insert(tagged.end(), 128, 'T');
  const auto decoder = open(tagged);
  std::vector<float> samples(200);
  CHECK(decoder->read(samples.data(), 100) == 100u);
  CHECK(!decoder->truncated());
  tagged = {'I', 'D', '3', 3, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4, 5};
  const Bytes data = stream.whole();
  tagged.insert(tagged.end(), data.begin(), data.end());
  CHECK_EQUAL(count(tagged, 30), 70u);
  // A stream that was cut out of another one.
  stream.first = 100;
  CHECK_EQUAL(count(stream.whole(), 30), 70u);
}

// Each byte of the header and the first two frames, one bit after the other.
void test_flipped_bits() {
  Stream stream;
  stream.channels = 1;
  const Bytes whole = stream.whole();
  const std::size_t header = stream.header().size(), frame = stream.frame(0).size();
  for (std::size_t at = header; at < header + 2 * frame; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      Bytes data = whole;
      data[at] = static_cast<unsigned char>(data[at] ^ 1 << bit);
      CHECK_THROWS(DecodeError, " at 0.000 s", count(data));
    }
}

void test_frames() {
  const Stream stream;
  const Bytes header = stream.header();
  const auto joined = [&](const std::vector<std::size_t>& frames) {
    Bytes data = header;
    for (const std::size_t i : frames) {
      const Bytes one = stream.frame(i);
      data.insert(data.end(), one.begin(), one.end());
    }
    return data;
  };
  CHECK_EQUAL(count(joined({0, 1, 2, 3, 4})), 100u);
  CHECK_THROWS(DecodeError, "frames are missing", count(joined({0, 2, 3, 4})));
  CHECK_THROWS(DecodeError, "frames are missing", count(joined({0, 2, 1, 3, 4})));
  CHECK_THROWS(DecodeError, "ends after 80", count(joined({0, 1, 2, 3})));
  // Streams that were joined: the numbers begin anew, and tell no place.
  CHECK_EQUAL(count(joined({0, 1, 2, 0, 1}), 70), 30u);
  Bytes cut = joined({0, 1, 2, 3, 4});
  cut.pop_back();
  CHECK_THROWS(DecodeError, "broken", count(cut));
  CHECK_EQUAL(count(joined({0, 1, 2, 3, 4}), 100), 0u);
}

void test_headers() {
  const Stream stream;
  const Bytes whole = stream.whole();
  for (std::size_t size = 4; size < 42; ++size)
    CHECK_THROWS(DecodeError, "header",
                 open(Bytes(whole.begin(), whole.begin() + static_cast<long>(size))));
  Bytes data = whole;
  data[4] = 0x81;  // padding
  CHECK_THROWS(DecodeError, "header", open(data));
  data = whole;
  data[4] = 0;  // a frame is no metadata
  CHECK_THROWS(DecodeError, "header", open(data));
  CHECK(open(Bytes{'f', 'L', 'a', 'c', 0, 0}) == nullptr);
}

}  // namespace

int main() {
  test_samples();
  test_prediction();
  test_lengths();
  test_flipped_bits();
  test_frames();
  test_headers();
  return failures();
}
