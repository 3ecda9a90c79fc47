# SPDX-License-Identifier: MIT
"""The design's lines: who may import whom, and what importing melpix costs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import melpix

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "python" / "melpix"
CPP = ROOT / "cpp"

# What each module may import of melpix and of the outside. NumPy and the standard library go
# without saying.
MAY_IMPORT = {
    "__init__": {
        "_core",
        "audio",
        "batch",
        "compress",
        "config",
        "convert",
        "cutting",
        "errors",
        "frontend",
        "host",
        "mel",
        "png",
        "preset_table",
        "recipe",
        "stream",
    },
    "__main__": {"cli"},
    "ahead": {"audio", "decoder", "errors", "resampling", "sources"},
    "audio": {"checks", "containers", "decoder", "errors", "kept", "resampling"},
    "batch": {
        "audio",
        "checks",
        "convert",
        "cores",
        "cutting",
        "frontend",
        "lock",
        "names",
        "output",
        "pool",
        "run",
        "scan",
        "sources",
        "stats",
        "worker",
    },
    "binary_files": set(),
    "bench": {
        "audio",
        "config",
        "contenders",
        "convert",
        "demo",
        "frontend",
        "librosa",
        "png",
        "threadpoolctl",
    },
    "checks": set(),
    "compress": {"checks"},
    "config": {"_core", "png"},
    "containers": set(),
    "contenders": {
        "audioflux",
        "convert",
        "frontend",
        "kaldi_native_fbank",
        "librosa",
        "pyfftw",
        "skimage",
        "torch",
        "torchaudio",
    },
    "convert": {
        "demands",
        "audio",
        "checks",
        "cutting",
        "errors",
        "frontend",
        "kept",
        "lengths",
        "png",
        "rendering",
        "sinks",
        "suffixes",
    },
    "cores": set(),
    "cutting": {"audio", "checks", "errors", "frontend", "kept", "lengths"},
    "decoder": {"binary_files", "containers", "errors", "first_bytes", "soundfile", "wav"},
    "demands": {"errors", "frontend"},
    "demo": set(),
    "errors": set(),
    "find": {"first_bytes", "lists", "sources"},
    "first_bytes": set(),
    "host": set(),
    "frontend": {
        "_core",
        "checks",
        "errors",
        "parameters",
        "patches",
        "png",
        "preset_table",
        "rendering",
        "stream",
    },
    "kept": {"decoder"},
    "lengths": {"frontend"},
    "lists": {"pyarrow", "sources"},
    "lock": {"errors"},
    "manifest": {"errors", "sinks"},
    "mel": {"_core", "checks"},
    "metadata": {"rendering"},
    "names": {"sources"},
    "output": {"errors", "manifest", "sinks"},
    "parameter_table": set(),
    "parameters": {"checks", "parameter_table"},
    "parcel": {"sinks"},
    "parquet": {"pyarrow", "shards"},
    "patches": set(),
    "png": {"_core", "errors", "frontend", "isal", "metadata", "png", "rendering", "suffixes"},
    "pool": {"cores", "process"},
    "preset_table": set(),
    "process": set(),
    "recipe": {"frontend", "png", "suffixes"},
    "reference_formulas": set(),  # independent of what they judge
    "reference_packages": {
        "ai_edge_litert",
        "kaldi_native_fbank",
        "librosa",
        "torch",
        "torchlibrosa",
        "transformers",
    },
    "references": {"contenders", "reference_formulas", "reference_packages"},
    "rendering": {"_core"},
    "resampling": {"decoder", "host", "soxr"},
    "report": {"summary", "text", "thumbnails"},
    "run": {
        "_core",
        "errors",
        "manifest",
        "output",
        "parquet",
        "png",
        "pool",
        "process",
        "scan",
        "shards",
        "sinks",
        "sources",
        "stats",
        "worker",
    },
    "scan": {"find", "names", "sources", "text"},
    "serving": {
        "_core",
        "cores",
        "frontend",
        "pool",
        "preset_table",
        "process",
        "serving_bodies",
        "serving_openapi",
        "serving_pool",
        "serving_protocol",
        "serving_work",
        "starlette",
        "uvicorn",
    },
    "serving_bodies": {"serving_work", "starlette"},
    "serving_openapi": {"_core", "parameter_table", "preset_table", "serving_work"},
    "serving_pool": {"pool", "process"},
    "serving_protocol": {"serving_work", "uvicorn"},
    "serving_work": {
        "demands",
        "audio",
        "checks",
        "convert",
        "cutting",
        "demo",
        "errors",
        "frontend",
        "kept",
        "lengths",
        "preset_table",
        "worker",
    },
    "settings": {"preset_table"},
    "shards": {"checks", "sinks"},
    "sources": {"text"},
    "sinks": {"checks", "errors", "png"},
    "stats": {
        "_core",
        "cutting",
        "frontend",
        "kept",
        "lengths",
        "manifest",
        "pool",
        "sinks",
        "sources",
        "worker",
    },
    "stream": {"checks", "errors", "frontend"},
    "suffixes": {"find"},
    "summary": set(),
    "text": set(),
    "verify": {
        "__version__",
        "audio",
        "bench",
        "contenders",
        "demo",
        "frontend",
        "preset_table",
        "references",
    },
    "thumbnails": {"errors", "png", "sinks", "summary"},
    "wav": {"_core"},
    "worker": {
        "ahead",
        "audio",
        "checks",
        "cutting",
        "errors",
        "frontend",
        "kept",
        "lengths",
        "manifest",
        "output",
        "parcel",
        "png",
        "process",
        "rendering",
        "sinks",
        "sources",
    },
}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            modules = [node.module or ""]
            if node.module == "melpix":
                homes = melpix._HOMES
                modules = [f"melpix.{homes.get(a.name, a.name)}" for a in node.names]
        else:
            continue
        for module in modules:
            first, _, rest = module.partition(".")
            names.add(rest.split(".")[0] if first == "melpix" else first)
    return names - set(sys.stdlib_module_names) - {"numpy", "__future__"}


@pytest.mark.parametrize("path", sorted(PYTHON.glob("*.py")), ids=lambda p: p.stem)
def test_python_modules_import_only_what_they_may(path: Path) -> None:
    assert path.stem in MAY_IMPORT, "a new module: say what it may import"
    assert imports(path) <= MAY_IMPORT[path.stem]


def test_nothing_but_the_command_line_knows_it() -> None:
    for path in (PYTHON / "cli").glob("*.py"):
        assert imports(path) - {"tqdm"} <= {"__version__", "cli", "click", *MAY_IMPORT}, path.name
    knowing = {path.stem for path in PYTHON.glob("*.py") if {"cli", "click"} & imports(path)}
    assert knowing == {"__main__"}


def includes(path: Path) -> set[str]:
    return set(re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.M))


def test_bindings_see_public_headers_only() -> None:
    files = [*(ROOT / "python" / "bindings").glob("*")]
    assert files
    for path in files:
        assert {i for i in includes(path) if not i.startswith("melpix/")} <= {
            "bindings.h",
            "bind_config.h",
            "bind_frontend.h",
        }, path.name


def test_the_library_knows_no_python() -> None:
    for path in CPP.rglob("*"):
        if path.suffix in {".h", ".cpp", ".inl"}:
            assert not re.search(r"Python\.h|pybind11", path.read_text(encoding="utf-8")), path.name


def test_stages_do_not_see_each_other() -> None:
    common = {"check.h", "scratch.h", "kernels/kernels.h"}
    for stage in (
        "condition", "config", "finish", "framing", "mel", "peak", "scanline", "scratch", "window",
    ):  # fmt: skip
        seen = includes(CPP / "src" / f"{stage}.cpp")
        others = {i for i in seen if not i.startswith("melpix/")} - common - {f"{stage}.h"}
        assert not others, stage


def test_the_c_api_sees_the_public_one() -> None:
    seen = includes(CPP / "src" / "c_api.cpp")
    assert {i for i in seen if not i.startswith("melpix/")} == {
        "c_checks.h",
        "check.h",
        "settings.h",
    }
    seen = includes(CPP / "src" / "c_stream.cpp") | includes(CPP / "src" / "c_checks.h")
    assert {i for i in seen if not i.startswith("melpix/")} == {"c_checks.h", "check.h"}
    assert includes(CPP / "src" / "settings.cpp") == {"check.h", "settings.h"}


def test_every_parameter_can_be_set_from_c() -> None:
    def names(path: Path, pattern: str) -> set[str]:
        found = re.findall(pattern, path.read_text(encoding="utf-8"))
        assert found
        return set(found)

    bound = names(
        ROOT / "python" / "bindings" / "bind_config.cpp", r'entries\.take\w*[^(]*\("(\w+)"'
    )
    set_ = names(CPP / "src" / "settings.cpp", r'{"(\w+)",\s+\[\]')
    shown = names(CPP / "include" / "melpix" / "c_api.h", r"(?<= )(\w+)=(?!value)")
    # In C `compress` brings its numbers along, and an array is not a window's name.
    assert set_ == bound - {"exponent", "pcen", "single"} | {"isa", "precision", "window_samples"}
    assert shown == set_ - {"window_samples"}


def test_instruction_sets_see_kernels_only() -> None:
    for path in (CPP / "src" / "kernels").glob("isa_*.cpp"):
        assert includes(path) == {"isa_body.inl"}
    body = includes(CPP / "src" / "kernels" / "isa_body.inl")
    assert {i for i in body if not i.endswith(".inl")} == {
        "../scratch.h",
        "kernels.h",
        "pocketfft_hdronly.h",
    }


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def test_importing_melpix_is_light() -> None:
    loaded = run("import sys, melpix; print(*sys.modules)").split()
    assert "melpix._core" in loaded
    heavy = {"soundfile", "soxr", "click", "isal", "png", "melpix.frontend", "librosa", "scipy"}
    assert not heavy & set(loaded)


def test_rendering_arrays_needs_no_decoder() -> None:
    code = "import sys, melpix; melpix.Frontend().image([0.0] * 99); print(*sys.modules)"
    assert not {"soundfile", "soxr", "click"} & set(run(code).split())


def test_no_module_takes_the_place_of_a_public_name() -> None:
    """Importing a module sets the package's attribute of its name."""
    assert not {path.stem for path in PYTHON.glob("*.py")} & set(melpix.__all__)


def test_every_public_name_exists() -> None:
    for name in melpix.__all__:
        assert getattr(melpix, name) is not None
    assert set(melpix.__all__) <= set(dir(melpix))
    with pytest.raises(AttributeError, match="no attribute 'spectrogram'"):
        melpix.spectrogram  # noqa: B018
