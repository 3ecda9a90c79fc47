// SPDX-License-Identifier: MIT
#include "c/c_checks.h"

#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>

namespace melpix::c {
namespace {

// An array: a message must be kept where there is no memory left, too.
thread_local char last_error[512];

melpix_status failed(melpix_status status, const char* message) {
  std::snprintf(last_error, sizeof last_error, "%s", message);
  return status;
}

std::size_t magnitude(std::ptrdiff_t x) {
  return x < 0 ? std::size_t{0} - static_cast<std::size_t>(x) : static_cast<std::size_t>(x);
}

// Where the samples are, and of what type.
template <class S>
void locate(const melpix_signal& s, SampleType type, Signal* y) {
  if (s.length > 0) check_given("signal's samples", s.samples);
  check_aligned<S>("signal's samples", s.samples);
  y->data = s.samples;
  y->type = type;
  if (s.length == 0) return;
  const std::size_t along = checked_mul(s.length - 1, magnitude(y->stride));
  const std::size_t across = checked_mul(s.channels - 1, magnitude(y->channel_stride));
  checked_mul(checked_add(checked_add(along, across), 1), sizeof(S));
}

}  // namespace

melpix_status caught() noexcept {
  try {
    throw;
  } catch (const std::invalid_argument& e) {
    return failed(MELPIX_INVALID_ARGUMENT, e.what());
  } catch (const std::domain_error& e) {
    return failed(MELPIX_NON_FINITE, e.what());
  } catch (const std::overflow_error& e) {
    return failed(MELPIX_OVERFLOW, e.what());
  } catch (const std::length_error& e) {
    return failed(MELPIX_TOO_LARGE, e.what());
  } catch (const std::bad_alloc&) {
    return failed(MELPIX_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return failed(MELPIX_INTERNAL, e.what());
  } catch (...) {
    return failed(MELPIX_INTERNAL, "an unknown exception");
  }
}

Signal checked_signal(const melpix_signal* signal) {
  const melpix_signal& s = given("signal", signal);
  Signal y;
  y.length = s.length;
  y.channels = s.channels;
  if (s.channels < 1) throw invalid("signal's channels must be >= 1, got 0");
  const bool mono = s.channels == 1;
  y.stride = s.stride;
  y.channel_stride = mono ? 0 : s.channel_stride;
  if (y.stride == 0 && y.channel_stride == 0) {  // interleaved
    y.stride = static_cast<std::ptrdiff_t>(checked_add(s.channels, 0));
    y.channel_stride = 1;
  } else if (y.stride == 0 || (!mono && y.channel_stride == 0)) {
    throw invalid("signal's stride and channel_stride must both be 0, or neither");
  }
  if (s.type == MELPIX_INT16)
    locate<std::int16_t>(s, SampleType::kInt16, &y);
  else if (s.type == MELPIX_FLOAT32)
    locate<float>(s, SampleType::kFloat32, &y);
  else if (s.type == MELPIX_FLOAT64)
    locate<double>(s, SampleType::kFloat64, &y);
  else
    throw invalid("signal's type must be MELPIX_INT16, _FLOAT32 or _FLOAT64, got ", s.type);
  return y;
}

}  // namespace melpix::c

const char* melpix_error() { return melpix::c::last_error; }
