// SPDX-License-Identifier: MIT
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstddef>

namespace py = pybind11;

// Lets other threads have the GIL while it lives. It stands in for py::gil_scoped_release, whose
// destructor ends the process when a program ends while one of its threads is in here.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  ~Unlocked();
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* const state_;
};

// Tells tracemalloc of memory that is not Python's. Both want the GIL. (traced.cpp)
void trace(const void* memory, std::size_t bytes);
void untrace(const void* memory);

void bind_errors(py::module_& m);
void bind_config(py::module_& m);
void bind_decode(py::module_& m);
void bind_frontend(py::module_& m);
void bind_isa(py::module_& m);
void bind_memory(py::module_& m);
void bind_scanline(py::module_& m);
void bind_stream(py::module_& m);
void bind_survey(py::module_& m);
