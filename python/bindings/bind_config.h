// SPDX-License-Identifier: MIT
// From Python's values, which melpix/frontend.py has checked and completed, to melpix::Config.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "melpix/config.h"

// "slaney", None or the p of a p-norm
using MelNormLike = std::variant<std::string, double, std::nullptr_t>;
// (name, parameters) or samples
using WindowLike = std::variant<std::pair<std::string, std::vector<double>>, std::vector<double>>;

inline melpix::Window to_window(const WindowLike& window) {
  if (const auto* samples = std::get_if<std::vector<double>>(&window)) return {"", {}, *samples};
  const auto& named = std::get<0>(window);
  return {named.first, named.second, {}};
}

inline melpix::MelConfig mel_config(double sr, std::size_t n_fft, std::size_t n_mels, double fmin,
                                    double fmax, bool htk, const MelNormLike& norm) {
  using Kind = melpix::MelNorm::Kind;
  melpix::MelNorm mel_norm;
  if (const double* p = std::get_if<double>(&norm)) mel_norm = {Kind::kP, *p};
  if (std::holds_alternative<std::nullptr_t>(norm)) mel_norm = {Kind::kNone, 0};
  const auto scale = htk ? melpix::MelScale::kHtk : melpix::MelScale::kSlaney;
  return {sr, n_fft, n_mels, fmin, fmax, scale, mel_norm};
}
