# SPDX-License-Identifier: MIT
"""From files to samples."""
