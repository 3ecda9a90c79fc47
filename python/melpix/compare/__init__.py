# SPDX-License-Identifier: MIT
"""melpix beside librosa, other libraries and the originals of its presets."""
