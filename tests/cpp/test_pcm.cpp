// SPDX-License-Identifier: MIT
// The parsers and conversions of plain samples at their edges: memory that ends where the file
// does, every length of a cut header, every code of every encoding. What libsndfile makes of files
// is compared in tests/python/audio/test_pcm.py.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "decode/decoder.h"
#include "decode/finite.h"
#include "decode/mix.h"
#include "decode/pcm_samples.h"

namespace {

using namespace melpix::decode;
using Bytes = std::vector<unsigned char>;

void add(Bytes& to, const std::string& text) { to.insert(to.end(), text.begin(), text.end()); }
void add(Bytes& to, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<unsigned char>(number >> 8 * i));
}

Bytes wav(unsigned code, unsigned bits, unsigned channels, const Bytes& sound,
          std::uint64_t declared) {
  Bytes file;
  add(file, "RIFF");
  add(file, 36 + sound.size(), 4);
  add(file, "WAVEfmt ");
  add(file, 16, 4);
  add(file, code, 2);
  add(file, channels, 2);
  add(file, 8000, 4);
  add(file, std::uint64_t{8000} * channels * bits / 8, 4);
  add(file, channels * bits / 8, 2);
  add(file, bits, 2);
  add(file, "data");
  add(file, declared, 4);
  file.insert(file.end(), sound.begin(), sound.end());
  return file;
}

// Of exactly so many bytes, so that AddressSanitizer sees each read behind them.
std::unique_ptr<Decoder> open_exact(const Bytes& bytes, std::unique_ptr<unsigned char[]>& memory) {
  memory.reset(new unsigned char[bytes.size()]);
  if (!bytes.empty()) std::memcpy(memory.get(), bytes.data(), bytes.size());
  return open_decoder(open_memory(memory.get(), bytes.size()));
}

void test_every_end() {
  Bytes sound;
  for (unsigned i = 0; i < 48; ++i) sound.push_back(static_cast<unsigned char>(7 * i));
  for (const unsigned bits : {8u, 16u, 24u, 32u}) {
    const Bytes whole = wav(1, bits, 1, sound, sound.size());
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      std::unique_ptr<unsigned char[]> memory;
      const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(size));
      const auto decoder = open_exact(cut, memory);
      CHECK((decoder != nullptr) == (size >= 44));
      if (!decoder) continue;
      const std::size_t frames = (size - 44) / (bits / 8);
      CHECK_EQUAL(*decoder->facts().frames, frames);
      CHECK_EQUAL(decoder->truncated(), frames < 48 / (bits / 8));
      std::vector<float> y(64, 9);
      CHECK(decoder->read(y.data(), 64) == frames);
      CHECK(y[frames] == 9);
      CHECK(decoder->read(y.data(), 64) == 0);
      decoder->seek(~std::uint64_t{0});
      CHECK(decoder->read(y.data(), 64) == 0);
    }
  }
}

// Each code, at each place of a vector, as the definitions say.
void test_conversions() {
  Bytes codes;
  for (unsigned i = 0; i < 256; ++i) codes.push_back(static_cast<unsigned char>(i));
  std::int16_t shorts[256];
  float floats[256];
  const auto convert = [&](Encoding encoding) {
    to_int16(encoding, false)(codes.data(), shorts, 256);
    to_float(encoding, false)(codes.data(), floats, 256);
    for (unsigned i = 0; i < 256; ++i)
      CHECK_EQUAL(floats[i], static_cast<float>(shorts[i]) / 32768);
  };
  convert(Encoding::kU8);
  for (int i = 0; i < 256; ++i) CHECK_EQUAL(shorts[i], (i - 128) * 256);
  convert(Encoding::kS8);
  for (int i = 0; i < 256; ++i) CHECK_EQUAL(shorts[i], (i < 128 ? i : i - 256) * 256);
  // G.711: the ends and the middle of both laws.
  convert(Encoding::kUlaw);
  CHECK_EQUAL(shorts[0x00], -32124);
  CHECK_EQUAL(shorts[0x80], 32124);
  CHECK_EQUAL(shorts[0x7f], 0);
  CHECK_EQUAL(shorts[0xfe], 8);
  convert(Encoding::kAlaw);
  CHECK_EQUAL(shorts[0x2a], -32256);
  CHECK_EQUAL(shorts[0xaa], 32256);
  CHECK_EQUAL(shorts[0x55], -8);
  CHECK_EQUAL(shorts[0xd5], 8);

  for (std::size_t count = 0; count < 40; ++count) {
    std::unique_ptr<unsigned char[]> little(new unsigned char[3 * count]),
        big(new unsigned char[3 * count]);
    std::vector<std::int32_t> expected;
    for (std::size_t i = 0; i < count; ++i) {
      const auto x = static_cast<std::int32_t>((i * 2654435761u + 0x800000) % 0x1000000) - 0x800000;
      expected.push_back(x);
      for (std::size_t b = 0; b < 3; ++b) {
        const auto byte = static_cast<unsigned char>(static_cast<std::uint32_t>(x) >> 8 * b);
        little[3 * i + b] = byte;
        big[3 * i + 2 - b] = byte;
      }
    }
    std::vector<double> y(count + 1, 9);
    for (const bool order : {false, true}) {
      to_double(Encoding::k24, order)((order ? big : little).get(), y.data(), count);
      for (std::size_t i = 0; i < count; ++i) CHECK_EQUAL(y[i], expected[i] / 8388608.0);
      CHECK(y[count] == 9);
    }
  }
}

void test_finite() {
  for (std::size_t count = 0; count < 40; ++count) {
    std::vector<float> x(count, 3.4e38f);
    CHECK(all_finite(x.data(), count));
    for (std::size_t i = 0; i < count; ++i)
      for (const float bad : {INFINITY, -INFINITY, NAN}) {
        std::vector<float> y = x;
        y[i] = bad;
        CHECK(!all_finite(y.data(), count));
      }
  }
}

void test_mean() {
  const float few[] = {1, 2, 3, 4, 5, 6};
  float out[3];
  mix(few, 2, 3, out);
  CHECK(out[0] == 1.5f && out[1] == 3.5f && out[2] == 5.5f);
  mix(few, 3, 2, out);
  CHECK(out[0] == 2 && out[1] == 5);
  mix(few, 1, 3, out);
  CHECK(out[0] == 1 && out[2] == 3);
  // Two channels that would overflow do so, as numpy's do.
  const float large[] = {3e38f, 3e38f};
  mix(large, 2, 1, out);
  CHECK(!all_finite(out, 1));
}

void test_files() {
  const char* name = "test_pcm.wav";
  const Bytes bytes = wav(1, 16, 2, Bytes(400, 5), 400);
  std::FILE* file = std::fopen(name, "wb");
  CHECK(file != nullptr);
  CHECK(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  std::fclose(file);
  {
    const auto decoder = open_decoder(open_file(name));
    CHECK(decoder != nullptr);
    CHECK(decoder->in_place() == nullptr);
    std::int16_t y[200];
    CHECK(decoder->read(y, 200) == 100u);
    CHECK_EQUAL(y[199], 0x505);
  }
  std::remove(name);
  CHECK_THROWS(std::system_error, "", open_file(name));
  CHECK(open_decoder(open_memory("", 0)) == nullptr);
}

}  // namespace

int main() {
  test_every_end();
  test_conversions();
  test_finite();
  test_mean();
  test_files();
  return failures();
}
