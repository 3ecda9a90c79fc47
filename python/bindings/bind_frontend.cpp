// SPDX-License-Identifier: MIT
#include "bind_frontend.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "bind_config.h"
#include "bindings.h"
#include "melpix/isa.h"
#include "melpix/mixed.h"

melpix::Signal to_signal(const py::array& y) {
  melpix::Signal signal;
  if (py::isinstance<py::array_t<float>>(y))
    signal.type = melpix::SampleType::kFloat32;
  else if (py::isinstance<py::array_t<double>>(y))
    signal.type = melpix::SampleType::kFloat64;
  else if (py::isinstance<py::array_t<std::int16_t>>(y))
    signal.type = melpix::SampleType::kInt16;
  else
    throw py::value_error("y must be int16, float32 or float64");
  if (y.ndim() != 1 && y.ndim() != 2) throw py::value_error("y must be (n,) or (channels, n)");

  const py::ssize_t size = y.itemsize(), time = y.ndim() - 1;
  const auto to_samples = [&](py::ssize_t bytes) {
    if (bytes % size != 0) throw py::value_error("y must have strides of whole samples");
    return static_cast<std::ptrdiff_t>(bytes / size);
  };
  signal.data = y.data();
  if (reinterpret_cast<std::uintptr_t>(signal.data) % static_cast<std::uintptr_t>(size) != 0)
    throw py::value_error("y must be aligned");
  signal.length = static_cast<std::size_t>(y.shape(time));
  signal.stride = to_samples(y.strides(time));
  if (y.ndim() == 2) {
    if (y.shape(0) == 0) throw py::value_error("y must have at least one channel, got 0");
    signal.channels = static_cast<std::size_t>(y.shape(0));
    signal.channel_stride = to_samples(y.strides(0));
  }
  return signal;
}

namespace {

// The caller's array, of any strides, if there is one, else a new one.
template <class V>
py::array_t<V> output(const py::object& out, std::size_t rows, std::size_t columns) {
  const auto n_rows = static_cast<py::ssize_t>(rows), n_columns = static_cast<py::ssize_t>(columns);
  if (out.is_none()) return py::array_t<V>({n_rows, n_columns});
  if (!py::isinstance<py::array_t<V>>(out))
    throw py::value_error("out must be an array of type " +
                          py::cast<std::string>(py::str(py::dtype::of<V>())));
  auto array = py::reinterpret_borrow<py::array_t<V>>(out);
  constexpr py::ssize_t size = sizeof(V);
  if (array.ndim() != 2 || array.shape(0) != n_rows || array.shape(1) != n_columns)
    throw py::value_error("out must have the shape (" + std::to_string(rows) + ", " +
                          std::to_string(columns) + ")");
  if (!array.writeable()) throw py::value_error("out must be writeable");
  if (array.strides(0) % size != 0 || array.strides(1) % size != 0)
    throw py::value_error("out must have strides of whole elements");
  return array;
}

// Runs f. What it throws about ys[i], i < count, says so.
template <class F>
void naming(const std::size_t& i, std::size_t count, const F& f) {
  const auto named = [&](const std::exception& e) {
    return (i < count ? "ys[" + std::to_string(i) + "]: " : "") + e.what();
  };
  try {
    f();
  } catch (const py::value_error& e) {
    throw py::value_error(named(e));
  } catch (const std::invalid_argument& e) {
    throw std::invalid_argument(named(e));
  } catch (const std::domain_error& e) {
    throw std::domain_error(named(e));
  } catch (const std::length_error& e) {
    throw std::length_error(named(e));
  } catch (const std::overflow_error& e) {
    throw std::overflow_error(named(e));
  } catch (const std::bad_alloc& e) {
    py::set_error(PyExc_MemoryError, named(e).c_str());
    throw py::error_already_set();
  }
}

class Frontend {
 public:
  Frontend(const melpix::Config& config, melpix::Precision precision, bool deep,
           const std::string& isa)
      : image_(deep ? melpix::Product::kImage16 : melpix::Product::kImage8),
        frontend_(config, precision, image_, isa) {}

  std::size_t frames(std::size_t length) const {
    return std::visit([&](const auto& f) { return f.frames(length); }, of_image());
  }
  std::size_t mel_frames(std::size_t length) const {
    return std::visit([&](const auto& f) { return f.mel_frames(length); }, of_image());
  }

  // Each returns (array, min, max, peak). Into an array of float32 or float64; without one, into
  // one of float64 in double precision.
  py::tuple mel(const py::array& y, const py::object& out) const {
    return values(melpix::Product::kMel, y, out,
                  [](const auto& f, const auto& signal, auto* to, auto stride, auto across) {
                    if (across != 1) throw std::invalid_argument("out must have contiguous rows");
                    return f.mel(signal, to, stride);
                  });
  }
  // Of any strides.
  py::tuple features(const py::array& y, const py::object& out) const {
    return values(melpix::Product::kFeatures, y, out,
                  [](const auto& f, const auto&... to) { return f.features(to...); });
  }
  py::tuple image(const py::array& y, const py::object& out) const {
    return std::visit(
        [&](const auto& f) {
          const auto render = [&f](const auto&... to) { return f.image(to...); };
          return deep() ? run<std::uint16_t>(f, y, out, render)
                        : run<std::uint8_t>(f, y, out, render);
        },
        of_image());
  }

  // (images, greatest peak): in the arrays `outs` if there are any, one for each signal.
  py::tuple images(const std::vector<py::array>& ys, std::size_t threads,
                   const py::object& outs) const {
    const auto to = outs.is_none() ? std::vector<py::object>(ys.size(), py::none())
                                   : outs.cast<std::vector<py::object>>();
    if (to.size() != ys.size()) throw py::value_error("outs must be as many as ys");
    return std::visit(
        [&](const auto& f) {
          return deep() ? run_all<std::uint16_t>(f, ys, threads, to)
                        : run_all<std::uint8_t>(f, ys, threads, to);
        },
        of_image());
  }

  // Seconds by the name of the stage.
  py::dict profile(const py::array& y) const {
    const melpix::Signal signal = to_signal(y);
    melpix::StageSeconds seconds{};
    std::visit(
        [&](const auto& f) {
          const Unlocked unlocked;
          const std::size_t frames = f.frames(signal.length);
          std::vector<std::uint8_t> image(f.config().mel.n_mels * frames);
          f.profile(signal, image.data(), static_cast<std::ptrdiff_t>(frames), &seconds);
        },
        of_image());
    py::dict by_stage;
    for (std::size_t s = 0; s < melpix::kStages; ++s) by_stage[melpix::kStageNames[s]] = seconds[s];
    return by_stage;
  }

  py::object stream(const std::string& kind, const std::string& layout, bool wide) const {
    return make_stream(frontend_.of(product(kind)), kind, layout, wide, deep());
  }

  // Whether single precision makes what `kind` says.
  bool is_single(const std::string& kind) const {
    return std::holds_alternative<melpix::Frontend<float>>(frontend_.of(product(kind)));
  }

  std::string isa() const {
    return std::visit([](const auto& f) { return f.isa(); }, of_image());
  }
  py::dict followed() const {
    return std::visit([](const auto& f) { return ::followed(f.config()); }, of_image());
  }
  std::size_t empty_filters() const {
    return std::visit([](const auto& f) { return f.empty_filters(); }, of_image());
  }

 private:
  bool deep() const { return image_ == melpix::Product::kImage16; }
  const EitherFrontend& of_image() const { return frontend_.of(image_); }
  melpix::Product product(const std::string& kind) const {
    return kind == "mel"        ? melpix::Product::kMel
           : kind == "features" ? melpix::Product::kFeatures
                                : image_;
  }

  template <class Render>
  py::tuple values(melpix::Product product, const py::array& y, const py::object& out,
                   const Render& render) const {
    const bool wide = out.is_none() ? frontend_.precision() == melpix::Precision::kDouble
                                    : !py::isinstance<py::array_t<float>>(out);
    return std::visit(
        [&](const auto& f) {
          const auto into = [&](auto value) {
            return run<decltype(value)>(
                f, y, out, [&](const auto&... to) { return render(f, to...); },
                product == melpix::Product::kMel);
          };
          return wide ? into(double()) : into(float());
        },
        frontend_.of(product));
  }

  // Calls render(signal, data, row_stride, column_stride) without the GIL.
  template <class V, class F, class Render>
  static py::tuple run(const F& f, const py::array& y, const py::object& out, const Render& render,
                       bool of_mel = false) {
    const melpix::Signal signal = to_signal(y);
    const std::size_t columns = of_mel ? f.mel_frames(signal.length) : f.frames(signal.length);
    auto values = output<V>(out, f.config().mel.n_mels, columns);
    V* const data = values.mutable_data();
    constexpr auto size = static_cast<py::ssize_t>(sizeof(V));
    const std::ptrdiff_t stride = values.strides(0) / size, across = values.strides(1) / size;
    typename F::Summary seen;
    {
      const Unlocked unlocked;
      seen = render(signal, data, stride, across);
    }
    return py::make_tuple(std::move(values), seen.min, seen.max, seen.peak);
  }

  template <class Pixel, class F>
  static py::tuple run_all(const F& f, const std::vector<py::array>& ys, std::size_t threads,
                           const std::vector<py::object>& outs) {
    std::vector<typename F::template Task<Pixel>> tasks;
    py::list images;
    for (std::size_t i = 0; i < ys.size(); ++i) {
      naming(i, ys.size(), [&] {
        const melpix::Signal signal = to_signal(ys[i]);
        auto image = output<Pixel>(outs[i], f.config().mel.n_mels, f.frames(signal.length));
        constexpr auto size = static_cast<py::ssize_t>(sizeof(Pixel));
        tasks.push_back(
            {signal, image.mutable_data(), image.strides(0) / size, image.strides(1) / size, {}});
        images.append(std::move(image));
      });
    }
    std::size_t failed = ys.size();
    naming(failed, ys.size(), [&] {
      const Unlocked unlocked;
      f.images(tasks.data(), tasks.size(), threads, &failed);
    });
    double peak = 0;
    for (const auto& task : tasks) peak = std::max(peak, task.seen.peak);
    return py::make_tuple(std::move(images), peak);
  }

  melpix::Product image_;  // its pixels have 8 or 16 bits
  melpix::MixedFrontend frontend_;
};

Frontend make_frontend(const py::dict& parameters, std::vector<double> window_samples, bool deep) {
  melpix::Settings s = to_settings(parameters, std::move(window_samples));
  // Who writes os.environ has the GIL: it is read before others get it.
  if (s.isa.empty()) s.isa = melpix::default_isa();
  const Unlocked unlocked;
  return Frontend(s.config, s.precision, deep, s.isa);
}

}  // namespace

void bind_frontend(py::module_& m) {
  py::class_<Frontend>(m, "Frontend")
      .def(py::init(&make_frontend), py::arg("parameters"),
           py::arg("window_samples") = std::vector<double>(), py::kw_only(),
           py::arg("deep") = false)
      .def("frames", &Frontend::frames, py::arg("length"))
      .def("mel_frames", &Frontend::mel_frames, py::arg("length"))
      .def("mel", &Frontend::mel, py::arg("y"), py::arg("out") = py::none())
      .def("features", &Frontend::features, py::arg("y"), py::arg("out") = py::none())
      .def("image", &Frontend::image, py::arg("y"), py::arg("out") = py::none())
      .def("images", &Frontend::images, py::arg("ys"), py::arg("threads"),
           py::arg("outs") = py::none())
      .def("profile", &Frontend::profile, py::arg("y"))
      .def("stream", &Frontend::stream, py::arg("kind"), py::kw_only(), py::arg("layout"),
           py::arg("wide"))
      .def("is_single", &Frontend::is_single, py::arg("kind"))
      .def_property_readonly("isa", &Frontend::isa)
      .def_property_readonly("followed", &Frontend::followed)
      .def_property_readonly("empty_filters", &Frontend::empty_filters);
}
