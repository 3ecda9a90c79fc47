# SPDX-License-Identifier: MIT
"""The recipes of the README, each run as it stands there."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melpix import Frontend, convert_bytes, load
from sounds import chirp, encode

README = Path(__file__).resolve().parents[2] / "README.md"
F = Frontend(sr=16000, n_mels=64)


def recipe(word: str, folder: Path) -> types.ModuleType:
    """The block of the README that imports this, as a module of its own."""
    text = README.read_text("utf-8").partition("### Recipes\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    (block,) = (b for b in blocks if re.search(rf"^(import|from) {word}\b", b, re.M))
    name = f"recipe_{word.replace('.', '_')}"
    path = folder / f"{name}.py"
    path.write_text(block, "utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sounds(folder: Path) -> list[Path]:
    """Some, of different lengths, kinds and rates."""
    found = []
    for i, kind in enumerate(("wav", "flac", "vorbis", "mp3", "aiff", "wav")):
        path = folder / f"{i}.{kind}"
        path.write_bytes(encode(kind, chirp(9000 * (i + 1), 1 + i % 2, 24000), 24000))
        found.append(path)
    return found


def post(app: Any, path: str, body: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """A request to an ASGI application, without a server."""
    sent: list[dict[str, Any]] = []
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]

    async def receive() -> dict[str, Any]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "scheme": "http", "server": ("x", 80), "client": ("x", 1), "root_path": "",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), content


def test_fastapi(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    app = recipe("fastapi", tmp_path).app
    for path in sounds(tmp_path):
        sound = path.read_bytes()
        status, headers, png = post(app, "/image", sound)
        assert (status, headers[b"content-type"]) == (200, b"image/png")
        assert png == convert_bytes(sound, F)
    for sound, code in (
        (b"garbage", "decode_failed"),
        (bytes(2**24 + 1), "too_large"),
        (encode("flac", np.zeros(61 * 8000), 8000), "too_long"),
    ):
        status, _, answer = post(app, "/image", sound)
        assert (status, json.loads(answer)["detail"]["code"]) == (422, code)


def test_pytorch_data_loader(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    recipe("torch.utils.data", tmp_path)  # it can be imported: workers do that
    paths = [str(path) for path in sounds(tmp_path)]
    script = tmp_path / "main.py"
    script.write_text(f"""
import torch
from recipe_torch_utils_data import batches
if __name__ == "__main__":
    torch.save(list(batches({paths!r}, [0, 1, 2, 3, 4, 5])), "batches.pt")
""")
    subprocess.run([sys.executable, str(script)], check=True, cwd=tmp_path, timeout=300)
    found = torch.load(tmp_path / "batches.pt")
    images = torch.cat([images for images, _ in found])
    assert [len(labels) for _, labels in found] == [4, 2]
    assert images.shape == (6, 1, 64, 94)
    assert images.dtype == torch.uint8
    f = F.replace(duration=3)
    for image, path in zip(images, paths, strict=True):
        y, _ = load(path, sr=16000, duration=3)
        assert np.array_equal(image[0].numpy(), f.image(y))


def test_hugging_face_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets")
    pillow = pytest.importorskip("PIL.Image")
    paths = sounds(tmp_path)
    contents = [{"bytes": path.read_bytes(), "path": None} for path in paths]
    contents[0] = {"bytes": None, "path": str(paths[0])}
    rows = datasets.Dataset.from_dict({"audio": contents, "label": list(range(len(paths)))})
    rows = rows.cast_column("audio", datasets.Audio())
    done = recipe("datasets", tmp_path).with_images(rows)
    assert isinstance(done.features["image"], datasets.Image)
    assert "hashed" not in caplog.text  # the front-end has a fingerprint, so that maps are cached
    assert done["label"][:] == list(range(len(paths)))
    for i, path in enumerate(paths):
        expected = pillow.open(io.BytesIO(convert_bytes(path.read_bytes(), F)))
        assert np.array_equal(np.asarray(done[i]["image"]), np.asarray(expected))


def test_tensors() -> None:
    pytest.importorskip("torch")
    text = README.read_text("utf-8")
    block = text[text.index("waveform = torch.rand") :].partition("```")[0]
    names: dict[str, Any] = {}
    exec("import melpix, torch\nfrontend = melpix.Frontend()\n" + block, names)
    f, y = names["frontend"], names["waveform"].numpy()
    assert np.array_equal(names["pixels"].numpy(), f.image(y))
    assert np.array_equal(names["features"].numpy(), f.features(y))
    assert not names["waveform"].is_contiguous()


def test_jax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    jax = pytest.importorskip("jax")
    module = recipe("jax", tmp_path)
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    core = module.frontend._impl

    class Watched:
        """The core, and where what it reads and writes lies."""

        def features(self, y: np.ndarray, out: np.ndarray) -> Any:
            seen.append((y, out))
            return core.features(y, out)

        def __getattr__(self, name: str) -> Any:
            return getattr(core, name)

    for i, n in enumerate((1000, 44100, 300_001)):
        y = np.random.default_rng(i).uniform(-1, 1, n).astype(np.float32)
        signal = jax.numpy.asarray(y)
        expected = module.frontend.features(y)
        object.__setattr__(module.frontend, "_impl", Watched())
        found = module.features(signal)
        object.__setattr__(module.frontend, "_impl", core)
        assert isinstance(found, jax.Array)
        assert np.array_equal(np.asarray(found), expected)
        read, written = seen.pop()
        assert read.ctypes.data == signal.unsafe_buffer_pointer()
        assert written.ctypes.data == found.unsafe_buffer_pointer()
    assert not seen
