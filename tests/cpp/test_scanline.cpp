// SPDX-License-Identifier: MIT
#include <vector>

#include "check.h"
#include "melpix/scanline.h"
#include "signals.h"

int main() {
  for (std::size_t height : {1u, 2u, 7u})
    for (std::size_t width : {1u, 2u, 33u}) {
      const std::size_t stride = width + 5;
      std::vector<std::uint8_t> image(height * stride);
      for (std::size_t i = 0; i < image.size(); ++i)
        image[i] = static_cast<std::uint8_t>(i * i * 7 + i);
      std::vector<std::uint8_t> raw(height * (width + 1)), back(height * width);
      melpix::filter_scanlines(image.data(), height, width, static_cast<std::ptrdiff_t>(stride),
                               raw.data());
      CHECK(melpix::unfilter_scanlines(raw.data(), height, width, back.data()));
      for (std::size_t r = 0; r < height; ++r)
        for (std::size_t i = 0; i < width; ++i)
          CHECK_EQUAL(int{back[r * width + i]}, int{image[r * stride + i]});
    }

  // Each filter by hand, 2 x 2: the row above is 10 20.
  const auto second_row = [](std::uint8_t filter, std::uint8_t a, std::uint8_t b) {
    const std::vector<std::uint8_t> raw = {0, 10, 20, filter, a, b};
    std::vector<std::uint8_t> image(4);
    CHECK(melpix::unfilter_scanlines(raw.data(), 2, 2, image.data()));
    return std::vector<int>{image[2], image[3]};
  };
  CHECK((second_row(0, 1, 2) == std::vector<int>{1, 2}));
  CHECK((second_row(1, 1, 2) == std::vector<int>{1, 3}));
  CHECK((second_row(2, 1, 250) == std::vector<int>{11, 14}));
  CHECK((second_row(3, 1, 2) == std::vector<int>{6, 15}));
  CHECK((second_row(4, 1, 2) == std::vector<int>{11, 22}));

  // Pixels of two bytes: left is two bytes before.
  const std::vector<std::uint8_t> wide = {1, 10, 20, 1, 2, 4, 1, 1, 1, 1};
  std::vector<std::uint8_t> pixels(8);
  CHECK(melpix::unfilter_scanlines(wide.data(), 2, 4, pixels.data(), 2));
  CHECK((pixels == std::vector<std::uint8_t>{10, 20, 11, 22, 11, 21, 12, 23}));

  const std::vector<std::uint8_t> broken = {5, 1};
  std::uint8_t pixel = 0;
  CHECK(!melpix::unfilter_scanlines(broken.data(), 1, 1, &pixel));
  return failures();
}
