# SPDX-License-Identifier: MIT
"""From pixels to PNG files, and back to features."""
