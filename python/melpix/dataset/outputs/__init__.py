# SPDX-License-Identifier: MIT
"""What a run makes: trees, shards, and the account of both."""
