// SPDX-License-Identifier: MIT
#include "bindings.h"
#include "melpix/isa.h"

void bind_isa(py::module_& m) {
  m.def("available_isas", &melpix::available_isas);
  m.def("clear_upper_registers", &melpix::clear_upper_registers);
  m.def("default_isa", &melpix::default_isa);
}
