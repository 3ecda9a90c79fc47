# SPDX-License-Identifier: MIT
"""One thread for everybody, set before any library starts its pool; what is installed, noted."""

from pathlib import Path
from typing import Any

import pytest

from melpix.workers.process import one_thread

one_thread()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the contenders warn of their own affairs, and time by the clock of `turns`."""
    from turns import clock

    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            item.add_marker(pytest.mark.benchmark(timer=clock))


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Keep with the results what they depend on."""
    from melpix import show_config
    from melpix.compare.machine import fft_of_librosa, versions

    machine_info["melpix"] = show_config(mode="dicts")
    machine_info["versions"] = versions()
    machine_info["librosa_fft"] = fft_of_librosa()
