# SPDX-License-Identifier: MIT
"""Many sounds to a dataset. Start at `melpix.dataset.dataset`."""
