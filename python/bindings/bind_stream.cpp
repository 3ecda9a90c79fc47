// SPDX-License-Identifier: MIT
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include "bind_frontend.h"
#include "bindings.h"
#include "melpix/stream.h"

namespace {

unsigned forks = 0;  // between the first process and this one; read and written under the GIL

class Stream {
 public:
  enum class Layout { kMels, kFlipped, kFrames };

  Stream(const EitherFrontend& frontend, melpix::Values values, Layout layout, bool wide, bool deep)
      : values_(values),
        layout_(layout),
        wide_(wide),
        deep_(deep),
        stream_(std::visit([values](const auto& f) { return open(f, values); }, frontend)) {}

  py::array push(const py::array& y) {
    const melpix::Signal signal = to_signal(y);
    return run([&](auto& s) { return s.columns(signal.length); },
               [&](auto& s, auto... to) { s.push(signal, to...); });
  }
  py::array flush() {
    return run([](auto& s) { return s.tail(); }, [](auto& s, auto... to) { s.flush(to...); });
  }
  void reset() {
    const auto lock = wait();
    std::visit([](auto& s) { s.reset(); }, stream_);
  }

  std::size_t latency() const {
    return std::visit([](const auto& s) { return s.latency(); }, stream_);
  }
  std::size_t bytes() const {
    return std::visit([](const auto& s) { return s.bytes(); }, stream_);
  }
  std::size_t samples() {
    const auto lock = wait();
    return std::visit([](const auto& s) { return s.samples(); }, stream_);
  }
  double peak() {
    const auto lock = wait();
    return std::visit([](const auto& s) { return s.peak(); }, stream_);
  }

 private:
  using Either = std::variant<melpix::Stream<float>, melpix::Stream<double>>;

  template <class T>
  static Either open(const melpix::Frontend<T>& f, melpix::Values values) {
    return melpix::Stream<T>(f, values);
  }

  using Lock = std::unique_lock<std::mutex>;

  // One call at a time; whoever waits for it lets others have the GIL. Nobody who waits for the GIL
  // holds the lock: he may wait for ever (see Unlocked). Who held it when the process was forked is
  // a thread of the parent's, which in the child never lets go.
  Lock wait() {
    for (;;) {
      Lock lock(mutex_, std::try_to_lock);
      if (lock) {
        locked_after_ = forks;
        return lock;
      }
      if (locked_after_ != forks)
        throw std::runtime_error(
            "the stream was at work in another thread when this process was forked: open another "
            "one in the child");
      const Unlocked unlocked;
      const Lock end_of_another(mutex_);
    }
  }

  // As many columns as count(stream) says, into an array of their own.
  template <class Count, class Write>
  py::array run(const Count& count, const Write& write) {
    auto lock = wait();
    return std::visit(
        [&](auto& stream) -> py::array {
          const auto into = [&](auto value) {
            return run_as<decltype(value)>(stream, count(stream), write, lock);
          };
          if (values_ == melpix::Values::kImage)
            return deep_ ? into(std::uint16_t()) : into(std::uint8_t());
          return wide_ ? into(double()) : into(float());
        },
        stream_);
  }

  // Calls write(stream, data, row_stride, column_stride) without the GIL, and unlocks.
  template <class V, class S, class Write>
  py::array run_as(S& stream, std::size_t count, const Write& write, Lock& lock) const {
    const auto rows = static_cast<py::ssize_t>(stream.config().mel.n_mels);
    const auto columns = static_cast<py::ssize_t>(count);
    const bool across = layout_ == Layout::kFrames;
    py::array_t<V> values =
        across ? py::array_t<V>({columns, rows}) : py::array_t<V>({rows, columns});
    V* data = values.mutable_data();
    std::ptrdiff_t row_stride = across ? 1 : columns;
    if (layout_ == Layout::kFlipped) {
      data += (rows - 1) * columns;
      row_stride = -columns;
    }
    {
      const Unlocked unlocked;
      const Lock until_written = std::move(lock);
      write(stream, data, row_stride, across ? rows : 1);
    }
    return std::move(values);
  }

  const melpix::Values values_;
  const Layout layout_;
  const bool wide_, deep_;
  std::mutex mutex_;
  unsigned locked_after_ = 0;  // so many forks
  Either stream_;
};

}  // namespace

py::object make_stream(const EitherFrontend& frontend, const std::string& kind,
                       const std::string& layout, bool wide, bool deep) {
  using melpix::Values;
  using Layout = Stream::Layout;
  const Values values = kind == "mel"        ? Values::kMel
                        : kind == "features" ? Values::kFeatures
                                             : Values::kImage;
  const Layout axes = layout == "mels"      ? Layout::kMels
                      : layout == "flipped" ? Layout::kFlipped
                                            : Layout::kFrames;
  auto* stream = new Stream(frontend, values, axes, wide, deep);
  return py::cast(stream, py::return_value_policy::take_ownership);
}

void bind_stream(py::module_& m) {
  m.def("count_fork", [] { ++forks; });
  py::class_<Stream>(m, "Stream")
      .def("push", &Stream::push, py::arg("y"))
      .def("flush", &Stream::flush)
      .def("reset", &Stream::reset)
      .def_property_readonly("latency", &Stream::latency)
      .def_property_readonly("bytes", &Stream::bytes)
      .def_property_readonly("samples", &Stream::samples)
      .def_property_readonly("peak", &Stream::peak);
}
