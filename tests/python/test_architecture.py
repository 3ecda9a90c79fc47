# SPDX-License-Identifier: MIT
"""The design's lines: who may import whom, and what importing melpix costs."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import melpix

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "python" / "melpix"
CPP = ROOT / "cpp"

# Rooms of the package, lowest floor first. A module imports from its own room or a lower floor.
FLOORS = (
    {"_core", "errors", "known_formats"},
    {"arguments", "demo", "files", "printable", "suffixes"},
    {"host"},
    {"audio", "image", "workers"},
    {"frontend", "installation"},
    {"convert", "librosa_api"},
    {"dataset.sources"},
    {"dataset.outputs"},
    {"dataset", "dataset.report"},
    {"compare", "serving"},
    {"cli"},
    {"__init__", "__main__"},
)

# The only room that may import each package from outside. NumPy goes without saying.
HOMES_OF_PACKAGES = {
    "ai_edge_litert": "compare",
    "audioflux": "compare",
    "click": "cli",
    "isal": "image",
    "kaldi_native_fbank": "compare",
    "librosa": "compare",
    "msclap": "compare",
    "png": "image",
    "pyarrow": "dataset",
    "pyfftw": "compare",
    "skimage": "compare",
    "soundfile": "audio",
    "soxr": "audio",
    "starlette": "serving",
    "threadpoolctl": "compare",
    "torch": "compare",
    "torchaudio": "compare",
    "torchlibrosa": "compare",
    "tqdm": "cli",
    "transformers": "compare",
    "uvicorn": "serving",
}

# What judges may not know what it judges.
INDEPENDENT = {"compare.formulas"}

MODULES = {
    ".".join(path.relative_to(PYTHON).with_suffix("").parts): path for path in PYTHON.rglob("*.py")
}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All imports but those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        yield from statements(node)


def imports(module: str) -> tuple[set[str], set[str]]:
    """What a module imports: modules of melpix, and packages from outside."""
    inside, outside = set(), set()
    for node in statements(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names]
        for name in names:
            first, _, rest = name.partition(".")
            if first != "melpix":
                outside.add(first)
                continue
            if rest in melpix.__all__ and rest != "__version__":
                rest = getattr(melpix, rest).__module__.removeprefix("melpix.")
            rest = rest.removesuffix("__version__") or "__init__"
            while rest and rest not in MODULES and rest != "_core":
                rest = (
                    rest.rpartition(".")[0]
                    if f"{rest}.__init__" not in MODULES
                    else (f"{rest}.__init__")
                )
            inside.add(rest or "__init__")
    return inside, outside - set(sys.stdlib_module_names) - {"numpy", "__future__"}


def room(module: str) -> str:
    return module.rpartition(".")[0] or module


def floor(module: str) -> int:
    (found,) = (i for i, rooms in enumerate(FLOORS) if room(module) in rooms)
    return found


def test_modules_import_from_lower_floors() -> None:
    for module in MODULES:
        for other in imports(module)[0] - {module}:
            # `melpix.__version__` is the core's.
            if other != "__init__" and room(module) != room(other):
                assert floor(other) < floor(module), f"{module} imports {other}"


def test_no_circle_of_imports() -> None:
    arrows = {module: imports(module)[0] & MODULES.keys() for module in MODULES}
    arrows.pop("__init__")
    while leaves := [module for module, others in arrows.items() if not others & arrows.keys()]:
        for module in leaves:
            del arrows[module]
    assert not arrows


def test_packages_stay_at_home() -> None:
    for module in MODULES:
        for package in imports(module)[1]:
            home = HOMES_OF_PACKAGES[package]
            assert room(module) == home or room(module).startswith(f"{home}."), (module, package)


def test_judges_do_not_know_what_they_judge() -> None:
    for module in INDEPENDENT:
        assert not imports(module)[0]


def test_the_root_is_small() -> None:
    assert len(list(PYTHON.glob("*.py"))) <= 14


def includes(path: Path) -> set[str]:
    return set(re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.M))


def test_bindings_see_public_headers_only() -> None:
    """And what has to do with files of sound, which the library does not offer."""
    files = [*(ROOT / "python" / "bindings").glob("*")]
    assert files
    for path in files:
        others = (
            ("melpix/", "decode/") if path.stem in ("bind_decode", "bind_survey") else "melpix/"
        )
        assert {i for i in includes(path) if not i.startswith(others)} <= {
            "bindings.h",
            "bind_config.h",
            "bind_frontend.h",
        }, path.name


def test_the_library_knows_no_python() -> None:
    for path in CPP.rglob("*"):
        if path.suffix in {".h", ".cpp", ".inl"}:
            assert not re.search(r"Python\.h|pybind11", path.read_text(encoding="utf-8")), path.name


def test_stages_do_not_see_each_other() -> None:
    """But for a block, which holds frames on their way through all of them."""
    stages = {path.stem for path in (CPP / "src" / "stages").iterdir()}
    for path in (CPP / "src" / "stages").iterdir():
        seen = {i for i in includes(path) if not i.startswith("melpix/")}
        may = {path.stem: {path.stem}, "block": stages, "refine": {"block", "frame"}}
        may |= {"doubt": {"doubt", "mel"}, "image": {"image", "normalise"}}
        assert {i for i in seen if i.startswith("stages/")} <= {
            f"stages/{stage}.h" for stage in may[path.stem]
        }, path.name
        rest = {i for i in seen if not i.startswith(("stages/", "base/"))}
        assert rest <= {"kernels/kernels.h"}, path.name


def test_the_c_api_sees_the_public_one() -> None:
    for path in (CPP / "src" / "c").iterdir():
        seen = {i for i in includes(path) if not i.startswith("melpix/")}
        assert seen <= {"c/c_checks.h", "base/check.h"}, path.name


def test_instruction_sets_see_kernels_only() -> None:
    for path in (CPP / "src" / "kernels").glob("isa_*.cpp"):
        assert includes(path) == {"isa_body.inl"}
    body = includes(CPP / "src" / "kernels" / "isa_body.inl")
    assert {i for i in body if not i.endswith(".inl")} == {
        "base/scratch.h",
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
