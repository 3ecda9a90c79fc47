# SPDX-License-Identifier: MIT
"""What runs have made, for people."""
