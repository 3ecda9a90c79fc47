# SPDX-License-Identifier: MIT
"""One sound to one image, or to one image a window."""
