# SPDX-License-Identifier: MIT
"""The specification: the whole pipeline in float64 NumPy, slow and obvious.

A file holds a stage, in the order and under the names of the parameters of melpix.Frontend:

    signal -> frame (window) -> spectrum -> mel -> compress -> normalise -> image

`pipeline` puts them together; start there. `recipe` has what the recipe and librosa's
melspectrogram need under their own parameters. Nothing here knows librosa or melpix: both are
judged by it. Time runs along the last axis of signals, mels, features and images.
"""
