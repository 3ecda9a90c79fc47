// SPDX-License-Identifier: MIT
#include "decode/flac_info.h"

#include "decode/bytes.h"

namespace melpix::decode {

FlacBlock flac_block(const unsigned char* header) {
  const std::uint32_t x = kBig.u32(header);
  return {(x >> 31) != 0, x >> 24 & 127, x & 0xffffff};
}

std::optional<FlacInfo> flac_info(const unsigned char* block) {
  const std::uint64_t packed = kBig.u64(block + 10);
  FlacInfo info;
  info.least_block = kBig.u16(block);
  info.most_block = kBig.u16(block + 2);
  info.sr = static_cast<std::uint32_t>(packed >> 44);
  info.channels = (packed >> 41 & 7) + 1;
  info.bits = static_cast<unsigned>(packed >> 36 & 31) + 1;
  info.frames = packed & 0xfffffffff;
  if (info.sr == 0 || info.bits < 4) return std::nullopt;
  return info;
}

namespace {

// What is left of a block. Nothing is left of one that a length goes beyond.
class Rest {
 public:
  Rest(Window& window, std::uint64_t place, std::uint64_t size)
      : window_(window), place_(place), size_(size) {}

  std::uint64_t size() const { return size_; }
  bool broken() const { return broken_; }

  void skip(std::uint64_t count) {
    broken_ = broken_ || count > size_;
    if (broken_) return;
    place_ += count;
    size_ -= count;
  }
  std::uint32_t number(const Order& order) {
    const Span bytes = window_.at(place_, 4);
    skip(4);
    return broken_ || bytes.size < 4 ? 0 : order.u32(bytes.data);
  }
  unsigned byte() {
    const Span bytes = window_.at(place_, 1);
    skip(1);
    return broken_ || bytes.size < 1 ? 0 : bytes.data[0];
  }

 private:
  Window& window_;
  std::uint64_t place_, size_;
  bool broken_ = false;
};

void skip_comments(Rest& rest) {
  constexpr std::uint32_t most = 100000;  // as in libFLAC
  rest.skip(rest.number(kLittle));        // who wrote them
  const std::uint32_t count = rest.number(kLittle);
  if (count > most) return rest.skip(rest.size() + 1);
  // There may be fewer than it says.
  for (std::uint32_t i = 0; i < count && rest.size() >= 4; ++i) rest.skip(rest.number(kLittle));
}

void skip_cue_sheet(Rest& rest) {
  rest.skip(395);
  const unsigned tracks = rest.byte();
  if (tracks == 0) return rest.skip(rest.size() + 1);
  for (unsigned i = 0; i < tracks; ++i) {
    rest.skip(35);
    rest.skip(12 * std::uint64_t{rest.byte()});
  }
}

void skip_picture(Rest& rest) {
  rest.skip(4);                  // its kind
  rest.skip(rest.number(kBig));  // its format
  rest.skip(rest.number(kBig));  // its description
  rest.skip(16);                 // its size
  rest.skip(rest.number(kBig));
}

}  // namespace

bool is_filled(Window& window, std::uint64_t place, const FlacBlock& block) {
  Rest rest(window, place, block.size);
  switch (block.type) {
    case 2:
      rest.skip(4);  // of whom the rest is
      return !rest.broken();
    case 3:
      return block.size % 18 == 0;
    case 4:
      skip_comments(rest);
      break;
    case 5:
      skip_cue_sheet(rest);
      break;
    case 6:
      skip_picture(rest);
      break;
    default:
      return true;
  }
  return !rest.broken() && rest.size() == 0;
}

}  // namespace melpix::decode
