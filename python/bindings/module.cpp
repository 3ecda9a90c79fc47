// SPDX-License-Identifier: MIT
// melpix._core: the C++ library as Python sees it. One bind_*.cpp for each public header.
#include "bindings.h"
#include "melpix/version.h"

// The core keeps no state between calls but memory that any thread may take: it needs no GIL.
PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  m.attr("__version__") = MELPIX_VERSION;
  m.attr("PIXELS") = MELPIX_PIXELS;
  bind_errors(m);
  bind_config(m);
  bind_decode(m);
  bind_frontend(m);
  bind_isa(m);
  bind_memory(m);
  bind_scanline(m);
  bind_stream(m);
  bind_survey(m);
}
