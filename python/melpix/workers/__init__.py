# SPDX-License-Identifier: MIT
"""Worker processes."""
