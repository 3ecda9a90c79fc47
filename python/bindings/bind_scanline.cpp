// SPDX-License-Identifier: MIT
#include <optional>
#include <string>

#include "bindings.h"
#include "melpix/scanline.h"

namespace {

using Pixels = py::array_t<std::uint8_t>;

constexpr std::size_t kQuick = 1 << 17;  // pixels that are filtered in 10 us

py::bytes filter(const Pixels& image) {
  if (image.ndim() != 2) throw py::value_error("image must be (height, width)");
  const auto height = static_cast<std::size_t>(image.shape(0));
  const auto width = static_cast<std::size_t>(image.shape(1));
  if (width > 1 && image.strides(1) != 1) throw py::value_error("image must have contiguous rows");
  // Written straight into the bytes object: nothing else has seen it yet.
  py::bytes raw(nullptr, height * (width + 1));
  auto* out = reinterpret_cast<std::uint8_t*>(PyBytes_AS_STRING(raw.ptr()));
  const std::uint8_t* pixels = image.data();
  const std::ptrdiff_t stride = image.strides(0);
  // To let go of the GIL for a microsecond costs threads that share it more: a switch each time.
  std::optional<Unlocked> unlocked;
  if (height * width > kQuick) unlocked.emplace();
  melpix::filter_scanlines(pixels, height, width, stride, out);
  unlocked.reset();
  return raw;
}

Pixels unfilter(const py::bytes& raw, std::size_t height, std::size_t width,
                std::size_t pixel_bytes) {
  const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(raw.ptr()));
  if (height == 0 || width == 0 || size / height != width + 1 || size % height != 0)
    throw py::value_error("raw must have height * (width + 1) bytes");
  if (pixel_bytes == 0) throw py::value_error("pixel_bytes must be >= 1, got 0");
  Pixels image({static_cast<py::ssize_t>(height), static_cast<py::ssize_t>(width)});
  const auto* in = reinterpret_cast<const std::uint8_t*>(PyBytes_AS_STRING(raw.ptr()));
  std::uint8_t* pixels = image.mutable_data();
  bool good = false;
  {
    const Unlocked unlocked;
    good = melpix::unfilter_scanlines(in, height, width, pixels, pixel_bytes);
  }
  if (!good) throw py::value_error("raw names a scanline filter above 4");
  return image;
}

}  // namespace

void bind_scanline(py::module_& m) {
  m.def("filter_scanlines", &filter, py::arg("image").noconvert());
  m.def("unfilter_scanlines", &unfilter, py::arg("raw"), py::arg("height"), py::arg("width"),
        py::arg("pixel_bytes") = 1);
}
