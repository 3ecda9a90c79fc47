// SPDX-License-Identifier: MIT
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "stages/frame.h"

using melpix::Config;
using melpix::Framing;
using melpix::PadMode;
using melpix::Signal;

namespace {

template <class T>
const melpix::Kernels<T>& kernels() {
  return melpix::kernels<T>(melpix::find_isa(""));
}

Config config(std::size_t n_fft, std::size_t hop_length, PadMode mode) {
  Config c;
  c.mel.n_fft = n_fft;
  c.hop_length = hop_length;
  c.pad_mode = mode;
  return c;
}

std::string padded(const Config& c, const std::vector<double>& y, std::size_t pad) {
  const melpix::SampleReader<double> reader(c, kernels<double>(), Signal(y.data(), y.size()));
  std::vector<double> out(y.size() + 2 * pad);
  reader.read(-static_cast<std::ptrdiff_t>(pad), out.size(), out.data());
  std::string text;
  for (double x : out) text += std::to_string(static_cast<int>(x)) + " ";
  return text;
}

// The zeros that the last patch lacks: 3 frames a patch, 2 frames further each.
void patches() {
  Config c = config(8, 10, PadMode::kConstant);
  c.win_length = 5;
  c.patch = 3;
  CHECK_EQUAL(patched_length(c, 7), 7u);
  c.tail = melpix::Tail::kPad;
  c.patch_step = 2;
  const auto first = [&](Framing framing) {
    c.framing = framing;
    return patched_length(c, 1);
  };
  CHECK_EQUAL(first(Framing::kUncentered), 28u);
  CHECK_EQUAL(first(Framing::kSnip), 25u);
  CHECK_EQUAL(first(Framing::kCenter), 20u);
  CHECK_EQUAL(patched_length(c, 0), 0u);
  for (const std::size_t length : {1u, 19u, 20u}) CHECK_EQUAL(patched_length(c, length), 20u);
  for (const std::size_t length : {21u, 40u}) CHECK_EQUAL(patched_length(c, length), 40u);
  CHECK_EQUAL(patched_length(c, 41), 60u);
  CHECK_EQUAL(frame_count(c, 60), 7u);  // 3 and two times 2
  c.patch_step.reset();                 // 3
  CHECK_EQUAL(patched_length(c, 41), 50u);
  c.hop_length = std::size_t{1} << 30;
  c.patch = std::size_t{1} << 34;
  CHECK_THROWS(std::length_error, "overflow", patched_length(c, 1));
}

}  // namespace

int main() {
  // As numpy.pad([1, 2, 3], 4, mode) has them, written out.
  const std::vector<double> y = {1, 2, 3};
  const auto by = [&](PadMode mode) { return padded(config(8, 100, mode), y, 4); };
  CHECK(by(PadMode::kConstant) == "0 0 0 0 1 2 3 0 0 0 0 ");
  CHECK(by(PadMode::kEdge) == "1 1 1 1 1 2 3 3 3 3 3 ");
  CHECK(by(PadMode::kReflect) == "1 2 3 2 1 2 3 2 1 2 3 ");
  CHECK(by(PadMode::kSymmetric) == "3 3 2 1 1 2 3 3 2 1 1 ");
  CHECK(padded(config(8, 100, PadMode::kLinearRamp), {8, 4}, 4) == "0 2 4 6 8 4 3 2 1 0 ");
  CHECK(padded(config(8, 100, PadMode::kReflect), {7}, 4) == "7 7 7 7 7 7 7 7 7 ");

  CHECK_EQUAL(frame_count(config(1024, 512, PadMode::kConstant), 196608), 385u);
  CHECK_EQUAL(frame_count(config(1024, 512, PadMode::kConstant), 0), 1u);
  CHECK_EQUAL(frame_count(config(1024, 512, PadMode::kConstant), 1), 1u);
  CHECK_EQUAL(frame_count(config(5, 1, PadMode::kConstant), 1), 1u);
  CHECK_THROWS(std::invalid_argument, "too short: 0 samples",
               frame_count(config(5, 1, PadMode::kConstant), 0));
  CHECK_THROWS(std::invalid_argument, "empty", frame_count(config(4, 1, PadMode::kEdge), 0));
  patches();
  CHECK_THROWS(
      std::length_error, "overflow",
      frame_count(config(4, 1, PadMode::kConstant), std::numeric_limits<std::size_t>::max() - 2));
  Config uncentered = config(8, 3, PadMode::kConstant);
  uncentered.framing = Framing::kUncentered;
  CHECK_EQUAL(frame_count(uncentered, 8), 1u);
  CHECK_EQUAL(frame_count(uncentered, 10), 1u);
  CHECK_EQUAL(frame_count(uncentered, 11), 2u);
  CHECK_THROWS(std::invalid_argument, "7 samples for n_fft 8", frame_count(uncentered, 7));

  // Strides, channels and types all read as the same mono signal.
  const Config c = config(4, 1, PadMode::kConstant);
  const std::vector<std::int16_t> interleaved = {16384, 0, -32768, 32767, 3, 5};
  Signal stereo(interleaved.data(), 3);
  stereo.channels = 2;
  stereo.stride = 2;
  stereo.channel_stride = 1;
  float mixed[3];
  melpix::SampleReader<float>(c, kernels<float>(), stereo).read(0, 3, mixed);
  CHECK_EQUAL(mixed[0], 0.25f);
  CHECK_EQUAL(mixed[1], -0.5f / 32768);
  CHECK_EQUAL(mixed[2], 4.0f / 32768);

  // Backwards through the same memory, channel by channel.
  Signal backwards(interleaved.data() + 4, 3);
  backwards.stride = -2;
  float reversed[3];
  melpix::SampleReader<float>(c, kernels<float>(), backwards).read(0, 3, reversed);
  CHECK_EQUAL(reversed[0], 3.0f / 32768);
  CHECK_EQUAL(reversed[2], 0.5f);

  const std::vector<float> planar = {1, 2, 3, 5, 7, 9, 3, 3, 3};
  Signal three(planar.data(), 3);
  three.channels = 3;
  three.channel_stride = 3;
  melpix::SampleReader<float>(c, kernels<float>(), three).read(0, 3, mixed);
  CHECK_EQUAL(mixed[0], 3.0f);
  CHECK_EQUAL(mixed[2], 5.0f);
  return failures();
}
