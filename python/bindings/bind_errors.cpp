// SPDX-License-Identifier: MIT
// What the core throws about a signal becomes melpix.errors.SignalError, about a parameter
// ParameterError; pybind11 itself turns any other std::invalid_argument and std::length_error into
// ValueError, std::bad_alloc into MemoryError.
#include <stdexcept>

#include "bindings.h"
#include "melpix/parameters.h"

namespace {

// Raises an error of melpix.errors.
template <class First, class Second>
void raise(const char* name, const First& first, const Second& second) {
  const py::object type = py::module_::import("melpix.errors").attr(name);
  const py::object error = type(first, second);
  PyErr_SetObject(type.ptr(), error.ptr());
}

}  // namespace

void bind_errors(py::module_&) {
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const melpix::ParameterError& e) {
      raise("ParameterError", e.parameter(), e.reason());
    } catch (const std::domain_error& e) {
      raise("SignalError", "non_finite", e.what());
    } catch (const std::overflow_error& e) {
      raise("SignalError", "overflow", e.what());
    }
  });
}
