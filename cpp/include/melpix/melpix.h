// SPDX-License-Identifier: MIT
// Audio samples to log-mel spectrogram images. This header includes all the others.
#pragma once

#include "melpix/config.h"
#include "melpix/frontend.h"
#include "melpix/isa.h"
#include "melpix/memory.h"
#include "melpix/mixed.h"
#include "melpix/scanline.h"
#include "melpix/signal.h"
#include "melpix/stream.h"
#include "melpix/version.h"
