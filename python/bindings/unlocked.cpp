// SPDX-License-Identifier: MIT
#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

#include <chrono>
#include <thread>

#include "bindings.h"

// A thread that asks for the GIL when the interpreter has ended does not get it: before Python 3.14
// it is ended right there (docs.python.org/3/c-api/init.html, "Cautions regarding runtime
// finalization"), which on Linux unwinds its stack. No destructor may be left that way, and those
// further up would give back Python's objects without the GIL. So the thread waits here for the end
// of the process, as it does in Python 3.14.
Unlocked::~Unlocked() {
#ifdef __GLIBCXX__
  try {
    PyEval_RestoreThread(state_);
  } catch (const abi::__forced_unwind&) {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
#else
  PyEval_RestoreThread(state_);
#endif
}
