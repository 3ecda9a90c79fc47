// SPDX-License-Identifier: MIT
// What front-ends and their streams have in common.
#pragma once

#include <string>

#include "bindings.h"
#include "melpix/mixed.h"
#include "melpix/signal.h"

// A front-end of either precision.
using EitherFrontend = melpix::MixedFrontend::Either;

// A view of (n,) or (channels, n) samples, whatever their strides.
melpix::Signal to_signal(const py::array& y);

// The stream of `kind` ("mel", "features" or "image"): features as float32 or, if `wide`, float64,
// in `layout`; images of 16 bits if `deep`. (bind_stream.cpp)
py::object make_stream(const EitherFrontend& frontend, const std::string& kind,
                       const std::string& layout, bool wide, bool deep);
