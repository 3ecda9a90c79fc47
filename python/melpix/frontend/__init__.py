# SPDX-License-Identifier: MIT
"""From samples to features and pixels."""
