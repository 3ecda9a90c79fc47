/* SPDX-License-Identifier: MIT */
/* MELPIX_API marks what a shared library lets out; all else in it is hidden. MELPIX_SHARED says
   that the library is shared: the CMake package and pkg-config define it. */
#ifndef MELPIX_EXPORT_H
#define MELPIX_EXPORT_H

#ifndef MELPIX_SHARED
#define MELPIX_API
#elif !defined(_WIN32)
#define MELPIX_API __attribute__((visibility("default")))
#elif defined(melpix_EXPORTS) /* by CMake, while the library itself is compiled */
#define MELPIX_API __declspec(dllexport)
#else
#define MELPIX_API __declspec(dllimport)
#endif

#endif
