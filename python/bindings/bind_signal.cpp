// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstring>
#include <optional>

#include "bindings.h"

namespace {

constexpr py::ssize_t kQuick = 1 << 18;  // samples that are scaled in 30 us

bool contiguous(const py::array& a) { return (a.flags() & py::array::c_style) != 0; }

// `out` = samples / 2^15. Samples may lie at any address, as they do in a file's bytes.
template <class T>
void scale_int16(const py::array& samples, py::array_t<T>& out) {
  if (!samples.dtype().is(py::dtype::of<std::int16_t>()))
    throw py::type_error("samples must be of type int16");
  if (samples.size() != out.size()) throw py::value_error("out must be as large as samples");
  if (!contiguous(samples) || !contiguous(out)) throw py::value_error("both must be contiguous");
  const py::ssize_t count = out.size();
  const auto* in = static_cast<const char*>(samples.data());
  T* to = out.mutable_data();
  // As in filter(), bind_scanline.cpp: a switch of threads would cost more than it lets others do.
  std::optional<Unlocked> unlocked;
  if (count > kQuick) unlocked.emplace();
  for (py::ssize_t i = 0; i < count; ++i) {
    std::int16_t sample;
    std::memcpy(&sample, in + 2 * i, sizeof(sample));
    to[i] = static_cast<T>(sample) * static_cast<T>(1.0 / 32768);
  }
}

}  // namespace

void bind_signal(py::module_& m) {
  m.def("scale_int16", &scale_int16<float>, py::arg("samples"), py::arg("out").noconvert());
  m.def("scale_int16", &scale_int16<double>, py::arg("samples"), py::arg("out").noconvert());
}
