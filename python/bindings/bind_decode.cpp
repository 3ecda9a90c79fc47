// SPDX-License-Identifier: MIT
// Sounds that the core decodes. Decoders are no part of its public headers.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "bindings.h"
#include "decode/decoder.h"
#include "decode/finite.h"
#include "decode/pcm_layout.h"

namespace {

namespace decode = melpix::decode;

constexpr std::size_t kChecked = 1 << 14;  // samples that are checked while they are in the cache

constexpr std::size_t kQuick = std::size_t{1} << 20;  // bytes that are opened with the GIL held

// The bytes of whoever gave them, for as long as the object lives; it goes with the GIL.
class View {
 public:
  explicit View(const py::object& holder) {
    if (PyObject_GetBuffer(holder.ptr(), &view_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  }
  ~View() { PyBuffer_Release(&view_); }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  const void* data() const { return view_.buf; }
  std::size_t size() const { return static_cast<std::size_t>(view_.len); }

 private:
  Py_buffer view_;
};

std::filesystem::path to_path(const py::object& name) {
#ifdef _WIN32
  const std::unique_ptr<wchar_t, void (*)(void*)> wide(
      PyUnicode_AsWideCharString(name.ptr(), nullptr), PyMem_Free);
  if (!wide) throw py::error_already_set();
  return std::filesystem::path(wide.get());
#else
  PyObject* bytes = nullptr;  // as os.fsencode: names need not be UTF-8
  if (PyUnicode_FSConverter(name.ptr(), &bytes) == 0) throw py::error_already_set();
  const auto held = py::reinterpret_steal<py::bytes>(bytes);
  return std::filesystem::path(std::string(held));
#endif
}

// What the system says becomes OSError with the file's name, the core's errors DecodeError.
[[noreturn]] void raise(const std::system_error& error, const py::object& name) {
  const int code = error.code().value();
#ifdef _WIN32
  if (error.code().category() == std::system_category()) {
    PyErr_SetExcFromWindowsErrWithFilenameObject(PyExc_OSError, code, name.ptr());
    throw py::error_already_set();
  }
#endif
  errno = code;
  PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name.ptr());
  throw py::error_already_set();
}
[[noreturn]] void raise(const decode::DecodeError& error, const py::object& name) {
  const py::object type = py::module_::import("melpix.errors").attr("DecodeError");
  const py::object source = name.is_none() ? py::str("") : py::str(name);
  const py::object raised = type(error.code(), error.what(), source);
  PyErr_SetObject(type.ptr(), raised.ptr());
  throw py::error_already_set();
}

// Calls f(); its errors name the source.
template <class F>
auto naming(const py::object& name, const F& f) {
  try {
    return f();
  } catch (const std::system_error& error) {
    raise(error, name);
  } catch (const decode::DecodeError& error) {
    raise(error, name);
  }
}

class Decoder {
 public:
  Decoder(std::unique_ptr<decode::Decoder> decoder, py::object name, std::unique_ptr<View> view)
      : view_(std::move(view)), decoder_(std::move(decoder)), name_(std::move(name)) {}

  const decode::Facts& facts() { return use()->facts(); }
  bool truncated() { return use()->truncated(); }
  bool length_estimated() { return use()->length_estimated(); }
  std::string remark() { return use()->remark(); }
  bool has_int16() { return use()->has_int16(); }
  bool finite() const { return finite_; }

  void seek(std::uint64_t frame) {
    const Use decoder = use();
    naming(name_, [&] {
      const Unlocked unlocked;
      decoder->seek(frame);
    });
  }

  py::object read(const py::array& out) {
    if (py::isinstance<py::array_t<float>>(out)) return read_as<float>(out);
    if (py::isinstance<py::array_t<double>>(out)) return read_as<double>(out);
    if (py::isinstance<py::array_t<std::int16_t>>(out)) return read_as<std::int16_t>(out);
    throw py::type_error("out must be of type int16, float32 or float64");
  }

  py::object in_place() {
    const Use decoder = use();
    const unsigned char* samples = decoder->in_place();
    if (samples == nullptr) return py::none();
    const decode::Facts& facts = decoder->facts();
    const auto frames = static_cast<py::ssize_t>(facts.frames.value());
    const auto channels = static_cast<py::ssize_t>(facts.channels);
    std::vector<py::ssize_t> shape{frames};
    if (channels > 1) shape.push_back(channels);
    const auto* data = reinterpret_cast<const std::int16_t*>(samples);
    py::array array(py::dtype::of<std::int16_t>(), shape, {}, data, py::cast(this));
    array.attr("flags").attr("writeable") = false;
    lent_ = true;
    return std::move(array);
  }

  void close() {
    const Use decoder = use();
    decoder_.reset();
    if (!lent_) view_.reset();
  }

 private:
  // One call at a time: the GIL is let go of in it.
  class Use {
   public:
    explicit Use(Decoder& of) : of_(of) {
      if (of.used_.test_and_set(std::memory_order_acquire))
        throw std::runtime_error("the decoder is at work in another thread");
      if (!of.decoder_) {
        of.used_.clear(std::memory_order_release);
        throw py::value_error("the decoder is closed");
      }
    }
    ~Use() { of_.used_.clear(std::memory_order_release); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    decode::Decoder* operator->() const { return of_.decoder_.get(); }

   private:
    Decoder& of_;
  };
  Use use() { return Use(*this); }

  template <class T>
  py::object read_as(const py::array& out) {
    const Use decoder = use();
    const auto channels = static_cast<py::ssize_t>(decoder->facts().channels);
    if (!(out.flags() & py::array::c_style) || !out.writeable())
      throw py::value_error("out must be contiguous and writeable");
    const bool mono = out.ndim() == 1;
    if (!mono && (out.ndim() != 2 || out.shape(1) != channels))
      throw py::value_error("out must have the shape (n,) or (n, channels)");
    if constexpr (std::is_same_v<T, std::int16_t>) {
      if (mono && channels > 1) throw py::value_error("channels are not mixed as int16");
      if (!decoder->has_int16()) throw py::value_error("the samples do not fit into int16");
    }
    auto* to = static_cast<T*>(const_cast<py::array&>(out).mutable_data());
    const auto wanted = static_cast<std::size_t>(out.shape(0));
    std::size_t found = 0;
    naming(name_, [&] {
      // As in filter(), bind_scanline.cpp: a switch of threads would cost more than it lets others.
      std::optional<Unlocked> unlocked;
      // A disk may take its time.
      const std::size_t samples = wanted * static_cast<std::size_t>(channels);
      if (!view_ || samples > decoder->facts().quick) unlocked.emplace();
      found = fill(*decoder.operator->(), to, wanted, mono);
    });
    if (found == wanted) return out;
    return out[py::slice(0, static_cast<py::ssize_t>(found), 1)];
  }

  template <class T>
  std::size_t fill(decode::Decoder& decoder, T* to, std::size_t wanted, bool mono) {
    finite_ = true;
    if constexpr (std::is_same_v<T, std::int16_t>) {
      return decoder.read(to, wanted);
    } else {
      const std::size_t row = mono ? 1 : decoder.facts().channels;
      const std::size_t step = std::max<std::size_t>(1, kChecked / row);
      std::size_t found = 0;
      while (found < wanted) {
        const std::size_t part = std::min(step, wanted - found);
        T* at = to + found * row;
        const std::size_t n = mono ? decoder.read_mono(at, part) : decoder.read(at, part);
        if (decoder.facts().may_hold_nan) finite_ = decode::all_finite(at, n * row) && finite_;
        found += n;
        if (n < part) break;
      }
      return found;
    }
  }

  std::unique_ptr<View> view_;  // outlives the decoder
  std::unique_ptr<decode::Decoder> decoder_;
  const py::object name_;
  bool lent_ = false;  // in_place has been asked for: the memory must stay
  bool finite_ = true;
  std::atomic_flag used_ = ATOMIC_FLAG_INIT;
};

py::object open_sound(const py::object& source) {
  const bool is_path = py::isinstance<py::str>(source);
  const py::object name = is_path ? source : py::none();
  std::unique_ptr<View> view;
  std::unique_ptr<decode::Decoder> decoder;
  naming(name, [&] {
    if (is_path) {
      const std::filesystem::path path = to_path(source);
      const Unlocked unlocked;
      decoder = decode::open_decoder(decode::open_file(path));
    } else {
      view = std::make_unique<View>(source);
      std::optional<Unlocked> unlocked;
      if (view->size() > kQuick) unlocked.emplace();
      decoder = decode::open_decoder(decode::open_memory(view->data(), view->size()));
    }
  });
  if (!decoder) return py::none();
  auto* opened = new Decoder(std::move(decoder), name, std::move(view));
  return py::cast(opened, py::return_value_policy::take_ownership);
}

}  // namespace

void bind_decode(py::module_& m) {
  m.def("open_sound", &open_sound, py::arg("source"));
  m.def("is_placeholder", &decode::is_placeholder, py::arg("size"));
  py::class_<Decoder>(m, "Decoder")
      .def_property_readonly("format", [](Decoder& d) { return d.facts().format; })
      .def_property_readonly("subtype", [](Decoder& d) { return d.facts().subtype; })
      .def_property_readonly("samplerate", [](Decoder& d) { return d.facts().sr; })
      .def_property_readonly("channels", [](Decoder& d) { return d.facts().channels; })
      .def_property_readonly("frames", [](Decoder& d) { return d.facts().frames; })
      .def_property_readonly("truncated", &Decoder::truncated)
      .def_property_readonly("length_estimated", &Decoder::length_estimated)
      .def_property_readonly("remark", &Decoder::remark)
      .def_property_readonly("has_int16", &Decoder::has_int16)
      .def_property_readonly("finite", &Decoder::finite)
      .def_property_readonly("in_place", &Decoder::in_place)
      .def("seek", &Decoder::seek, py::arg("frame"))
      .def("read", &Decoder::read, py::arg("out").noconvert())
      .def("close", &Decoder::close);
}
