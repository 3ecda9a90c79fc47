// SPDX-License-Identifier: MIT
#include "bind_config.h"

#include <string>
#include <utility>
#include <vector>

#include "bindings.h"

namespace {

// A vector that NumPy owns from now on.
template <class T>
py::array_t<T> to_array(std::vector<T> values, std::vector<py::ssize_t> shape) {
  auto* kept = new std::vector<T>(std::move(values));
  const py::capsule owner(kept, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(std::move(shape), kept->data(), owner);
}

template <class T>
py::tuple filterbank(const melpix::MelConfig& config) {
  melpix::DenseFilterbank<T> bank;
  {
    const py::gil_scoped_release unlocked;
    bank = melpix::mel_filterbank<T>(config);
  }
  const py::ssize_t n_mels = static_cast<py::ssize_t>(config.n_mels);
  const py::ssize_t n_bins = static_cast<py::ssize_t>(config.n_fft / 2 + 1);
  return py::make_tuple(to_array(std::move(bank.weights), {n_mels, n_bins}), bank.empty_filters);
}

}  // namespace

void bind_config(py::module_& m) {
  m.def(
      "mel_filterbank",
      [](double sr, std::size_t n_fft, std::size_t n_mels, double fmin, double fmax, bool htk,
         const MelNormLike& norm, bool single) {
        const melpix::MelConfig config = mel_config(sr, n_fft, n_mels, fmin, fmax, htk, norm);
        return single ? filterbank<float>(config) : filterbank<double>(config);
      },
      py::kw_only(), py::arg("sr"), py::arg("n_fft"), py::arg("n_mels"), py::arg("fmin"),
      py::arg("fmax"), py::arg("htk"), py::arg("norm"), py::arg("single"));
  m.def(
      "window",
      [](const WindowLike& window, std::size_t length) {
        return to_array(melpix::window_samples(to_window(window), length),
                        {static_cast<py::ssize_t>(length)});
      },
      py::arg("window"), py::arg("length"));
}
