// SPDX-License-Identifier: MIT
// What the core throws about a signal becomes melpix.errors.SignalError; pybind11 itself turns
// std::invalid_argument and std::length_error into ValueError, std::bad_alloc into MemoryError.
#include <stdexcept>

#include "bindings.h"

namespace {

void raise_signal_error(const char* code, const char* message) {
  const py::object type = py::module_::import("melpix.errors").attr("SignalError");
  const py::object error = type(code, message);
  PyErr_SetObject(type.ptr(), error.ptr());
}

}  // namespace

void bind_errors(py::module_&) {
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::domain_error& e) {
      raise_signal_error("non_finite", e.what());
    } catch (const std::overflow_error& e) {
      raise_signal_error("overflow", e.what());
    }
  });
}
