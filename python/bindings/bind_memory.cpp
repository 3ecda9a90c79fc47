// SPDX-License-Identifier: MIT
#include <pybind11/numpy.h>

#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include "bindings.h"
#include "melpix/memory.h"

namespace {

void give_back(void* memory) {
  untrace(memory);
  melpix::give_memory(memory);
}

// As numpy.empty, in memory that is kept when the last array in it is gone.
py::array empty(const std::vector<py::ssize_t>& shape, const py::object& type) {
  const py::dtype dtype = py::dtype::from_args(type);
  if (std::string("biufc").find(dtype.kind()) == std::string::npos)
    throw py::value_error("dtype must be of numbers");
  py::ssize_t bytes = dtype.itemsize();
  for (const py::ssize_t n : shape) {
    if (n < 0) throw py::value_error("shape must be >= 0");
    if (n > 0 && bytes > PY_SSIZE_T_MAX / n) throw std::bad_alloc();
    bytes *= n;
  }
  const auto size = static_cast<std::size_t>(bytes);
  void* memory = melpix::take_memory(size);
  if (memory == nullptr) throw std::bad_alloc();
  trace(memory, size);
  return py::array(dtype, shape, memory, py::capsule(memory, give_back));
}

// (of this thread, of the process beside its threads)
py::tuple kept() {
  const melpix::KeptMemory kept = melpix::kept_memory();
  return py::make_tuple(kept.thread, kept.process);
}

}  // namespace

void bind_memory(py::module_& m) {
  // pybind11 looks for NumPy once, and without the GIL: see melpix.host.
  m.def("find_numpy", [] { py::detail::npy_api::get(); });
  m.def("empty", &empty, py::arg("shape"), py::arg("dtype"));
  m.def("kept_memory", &kept);
  m.attr("THREAD_KEEPS") = melpix::kThreadKeeps;
  m.attr("PROCESS_KEEPS") = melpix::kProcessKeeps;
}
