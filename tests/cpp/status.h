// SPDX-License-Identifier: MIT
// Checks of what a function of the C API returns. The call is made once.
#pragma once

#include <cstring>
#include <string>

#include "check.h"
#include "melpix/c_api.h"

inline void check_status(melpix_status got, melpix_status wanted, const char* part,
                         const char* file, int line) {
  const std::string message = melpix_error();
  check::that(got == wanted, file, line,
              "status " + std::to_string(got) + " instead of " + std::to_string(wanted) +
                  "; the last message is '" + message + "'");
  check::that(message.find(part) != std::string::npos, file, line,
              "the message '" + message + "' lacks '" + part + "'");
}

#define CHECK_OK(call) check_status((call), MELPIX_OK, "", __FILE__, __LINE__)
// The call fails with this status, and its message contains `part`.
#define CHECK_FAILS(status, part, call) check_status((call), status, part, __FILE__, __LINE__)
