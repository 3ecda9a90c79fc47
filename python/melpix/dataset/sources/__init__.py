# SPDX-License-Identifier: MIT
"""What there is to convert: folders, patterns and lists become sources with names."""
