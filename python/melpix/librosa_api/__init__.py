# SPDX-License-Identifier: MIT
"""librosa's functions under their own names, on melpix's core."""
