// SPDX-License-Identifier: MIT
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

void bind_errors(py::module_& m);
void bind_config(py::module_& m);
void bind_frontend(py::module_& m);
void bind_isa(py::module_& m);
void bind_scanline(py::module_& m);
void bind_signal(py::module_& m);
void bind_stream(py::module_& m);
