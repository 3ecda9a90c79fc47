// SPDX-License-Identifier: MIT
#include "bind_config.h"

#include <string>
#include <utility>
#include <vector>

#include "bindings.h"

namespace {

py::list parameters() {
  py::list all;
  for (std::size_t i = 0; const melpix::Parameter* p = melpix::parameter(i); ++i)
    all.append(py::make_tuple(p->name, p->kind, p->words, p->initial, p->least, p->most,
                              p->above_least, p->below_most, p->rule, p->about));
  return all;
}

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
    const Unlocked unlocked;
    bank = melpix::mel_filterbank<T>(config);
  }
  const py::ssize_t n_mels = static_cast<py::ssize_t>(config.n_mels);
  const py::ssize_t n_bins = static_cast<py::ssize_t>(config.n_fft / 2 + 1);
  return py::make_tuple(to_array(std::move(bank.weights), {n_mels, n_bins}), bank.empty_filters);
}

}  // namespace

melpix::Settings to_settings(const py::dict& parameters, std::vector<double> window_samples) {
  std::vector<std::pair<std::string, std::string>> values;
  values.reserve(parameters.size());
  for (const auto& [name, value] : parameters)
    values.emplace_back(name.cast<std::string>(), value.cast<std::string>());
  melpix::Settings settings = melpix::parse_settings(values);
  settings.config.window.samples = std::move(window_samples);
  return settings;
}

py::dict followed(const melpix::Config& config) {
  const melpix::Config c = melpix::completed(config);
  py::dict d;
  d["n_fft"] = c.mel.n_fft;
  d["win_length"] = c.win_length;
  d["mel_sr"] = c.mel.mel_sr;
  d["fmax"] = c.mel.fmax;
  d["patch_step"] = c.patch_step;
  if (c.compress == melpix::Compress::kPcen)
    d["compress"] = py::make_tuple("pcen", c.pcen.gain, c.pcen.bias, c.pcen.power,
                                   c.pcen.time_constant, c.pcen.eps);
  return d;
}

void bind_config(py::module_& m) {
  m.def("parameters", &parameters);
  m.def(
      "followed",
      [](const py::dict& parameters) { return followed(to_settings(parameters, {}).config); },
      py::arg("parameters"));
  m.def(
      "mel_filterbank",
      [](const py::dict& parameters, bool single) {
        const melpix::MelConfig config = to_settings(parameters, {}).config.mel;
        return single ? filterbank<float>(config) : filterbank<double>(config);
      },
      py::arg("parameters"), py::kw_only(), py::arg("single"));
}
