// SPDX-License-Identifier: MIT
// Checks that go on after a failure and say what they saw. A test program ends with
// `return failures();`.
#pragma once

#include <cmath>
#include <iostream>
#include <string>

namespace check {

inline int& failed() {
  static int count = 0;
  return count;
}
inline int& made() {
  static int count = 0;
  return count;
}

inline void that(bool good, const char* file, int line, const std::string& what) {
  ++made();
  if (good) return;
  ++failed();
  std::cerr << file << ":" << line << ": " << what << "\n";
}

template <class Error, class F>
void throws(const F& f, const char* part, const char* file, int line) {
  try {
    f();
  } catch (const Error& e) {
    that(std::string(e.what()).find(part) != std::string::npos, file, line,
         "the message '" + std::string(e.what()) + "' lacks '" + part + "'");
    return;
  }
  that(false, file, line, "nothing was thrown");
}

}  // namespace check

#define CHECK(condition) check::that((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(a, b)                     \
  check::that((a) == (b), __FILE__, __LINE__, \
              std::string(#a " == " #b ": ") + std::to_string(a) + ", " + std::to_string(b))
#define CHECK_NEAR(a, b, tolerance)                                                          \
  check::that(std::fabs((a) - (b)) <= (tolerance), __FILE__, __LINE__,                       \
              std::string(#a " ~ " #b ": ") + std::to_string(a) + ", " + std::to_string(b) + \
                  ", apart by " + std::to_string((a) - (b)))
// The expression throws Error, and its message contains `part`.
#define CHECK_THROWS(Error, part, expression) \
  check::throws<Error>([&] { (void)(expression); }, part, __FILE__, __LINE__)

inline int failures() {
  std::cout << check::made() - check::failed() << " passed, " << check::failed() << " failed\n";
  return check::made() > 0 && check::failed() == 0 ? 0 : 1;
}
