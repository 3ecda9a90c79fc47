# SPDX-License-Identifier: MIT
"""What is read with formats="all" alone, and the lists of formats, which agree everywhere."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import melpix
from dataset_runs import by_source
from melpix import convert_bytes, convert_dataset, convert_file, load
from melpix.audio import first_bytes
from melpix.audio.load import read_blocks, read_clip
from melpix.cli.convert import convert
from melpix.dataset.sources.scan import scan
from melpix.errors import DecodeError, ParameterError
from melpix.known_formats import (
    COMMON,
    NAMES,
    ON_REQUEST,
    SUFFIXES,
    SUFFIXES_ON_REQUEST,
    UNREAD,
    is_read,
)
from melpix.serving.answer import Limits
from melpix.serving.app import Service
from melpix.serving.openapi import description
from melpix.serving.work import Answerer
from melpix.suffixes import is_another
from sounds import chirp

ROOT = Path(__file__).resolve().parents[3]

RATE = 8000

# What has no header of its own, and what libsndfile reads back wrongly: it seeks in vain.
NEITHER = {"RAW", "SD2", "DWVW_12", "DWVW_16", "DWVW_24"}


def all_that_libsndfile_writes(folder: Path) -> dict[Path, tuple[str, str]]:
    """A second of sound in each container and encoding."""
    files, y = {}, chirp(RATE, 1, RATE)
    for container in soundfile.available_formats():
        for encoding in soundfile.available_subtypes(container):
            path = folder / f"{container}-{encoding}"
            if {container, encoding} & NEITHER:
                continue
            try:
                with soundfile.SoundFile(
                    path, "w", RATE, 1, format=container, subtype=encoding
                ) as file:
                    for start in range(0, RATE, 1000):
                        file.write(y[start : start + 1000])
            except soundfile.LibsndfileError:  # MPEG layers I and II, MP3 in WAV
                continue
            files[path] = container, encoding
    return files


def as_libsndfile_has_it(path: Path) -> np.ndarray:
    with soundfile.SoundFile(path) as file:
        return file.read(2 * RATE, dtype="float32")


def single(y: np.ndarray) -> np.ndarray:
    return y / np.float32(32768) if y.dtype == np.int16 else y


def test_all_that_libsndfile_knows(tmp_path: Path) -> None:
    """Refused without being asked for; else its very samples, whole and in part."""
    files = all_that_libsndfile_writes(tmp_path)
    asked = {path for path, which in files.items() if not is_read(*which, "common")}
    assert len(files) > 90
    assert len(asked) > 45
    for path, (container, _) in files.items():
        expected = as_libsndfile_has_it(path)
        for source in (path, path.read_bytes()):
            if path in asked:
                with pytest.raises(DecodeError, match=r"formats='all'.*ffmpeg -i") as caught:
                    load(source, sr=None)
                assert caught.value.code == "unsupported_format"
            clip = read_clip(source, sr=None, formats="all")
            assert np.array_equal(single(clip.y), expected), path.name
            a, n = int(0.1 * clip.sr), int(0.05 * clip.sr)
            how = {"sr": None, "offset": 0.1, "duration": 0.05, "formats": "all"}
            part = np.concatenate([block.y for block in read_blocks(source, **how)])
            assert np.array_equal(single(part), expected[a : a + n]), path.name
        kind = first_bytes.kind(path.read_bytes()[: first_bytes.LOOK])
        if container not in ("HTK", "MPC2K"):  # whose first bytes are numbers
            assert kind is not None, path.name
            assert kind.read_with("all"), path.name
            form = next(f for f in (*COMMON, *ON_REQUEST) if f.name == kind.name)
            assert container in form.containers, path.name


def test_one_file_is_decoded_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image is that of the samples; what is wrong is raised here, and names the file."""
    path = tmp_path / "bat.wav"
    soundfile.write(path, chirp(RATE, 1, RATE), RATE, subtype="IMA_ADPCM")
    f = melpix.Frontend(sr=RATE)
    picture = f.png(as_libsndfile_has_it(path))
    pixels = melpix.read_png(picture)[0]
    opened = []
    monkeypatch.setattr("melpix.audio.decoder._decoder", lambda: opened.append(1))
    monkeypatch.chdir(tmp_path)
    out = io.BytesIO()
    data = path.read_bytes()
    for source in ("bat.wav", data, memoryview(bytearray(data)), io.BytesIO(data)):
        out.seek(0)
        done = convert_file(source, out, f, formats="all")
        assert np.array_equal(melpix.read_png(out.getvalue())[0], pixels)
        assert {"decode", "render", "encode", "write"} <= done.stages.keys()
    assert np.array_equal(melpix.read_png(convert_bytes(data, f, formats="all"))[0], pixels)
    (tmp_path / "text.wav").write_text("Dear diary, no sound today.")
    with pytest.raises(DecodeError, match=r"^'text.wav': a text") as caught:
        convert_file("text.wav", out, f, formats="all")
    assert caught.value.code == "decode_failed"
    with pytest.raises(FileNotFoundError) as missing:
        convert_file("none.wav", out, f, formats="all")
    assert missing.value.filename == "none.wav"
    assert not opened  # not in this process
    with pytest.raises(ParameterError, match="formats must be one of 'common', 'all', got 'any'"):
        convert_file(path, out, f, formats="any")


def test_a_data_set_and_the_service_read_them_if_they_are_asked_to(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    y = chirp(RATE, 1, RATE)
    soundfile.write(folder / "a.wav", y, RATE)
    soundfile.write(folder / "b.wav", y, RATE, subtype="MS_ADPCM")
    soundfile.write(folder / "c.caf", y, RATE, subtype="ALAC_16")
    soundfile.write(folder / "d.VOC", y, RATE, format="VOC")
    soundfile.write(folder / "e.bin", y, RATE, format="IRCAM")
    soundfile.write(folder / "f.htk", y, RATE, format="HTK")
    f = melpix.Frontend(sr=RATE)
    summary = convert_dataset(folder, out, f, workers=1)
    assert (summary.images, summary.failed) == (1, 5)
    assert summary.errors == {"unsupported_format": 5}
    assert summary.unread == {".wav": 1, ".caf": 1, ".voc": 1, ".bin": 1, ".htk": 1}
    lines = by_source(out)
    assert all("--formats all" in lines[name]["message"] for name in lines if name != "a.wav")

    summary = convert_dataset(folder, out, f, workers=1, formats="all")  # goes on there
    assert (summary.images, summary.failed, summary.already) == (5, 0, 1)
    lines = by_source(out)
    assert len(lines) == 6
    for name, line in lines.items():
        pixels = f.image(as_libsndfile_has_it(folder / name))
        assert np.array_equal(melpix.read_png(out / line["output"])[0], pixels), name

    sound = (folder / "b.wav").read_bytes()
    for kind in ("image", "features"):
        refused = Answerer(Limits())(kind, f"sr={RATE}", "", bytearray(sound))
        assert refused.status == 422
        error = json.loads(refused.body)["error"]
        assert error["code"] == "unsupported_format"
        assert "melpix serve" in error["message"]
        asked = Answerer(Limits(formats="all"))(kind, f"sr={RATE}", "", bytearray(sound))
        assert asked.status == 200
    with pytest.raises(ParameterError, match="formats must be one of"):
        Service(Limits(formats="some"))


def test_every_list_of_formats_is_the_same() -> None:
    """That of the table: names in what people read, suffixes in what looks for files."""

    def plain(text: str) -> str:
        return re.sub(r"\s+", " ", text.replace("`", ""))

    docs = {
        "load": load.__doc__,
        "convert --help": convert.help,
        "README": (ROOT / "README.md").read_text("utf-8"),
        "openapi": json.dumps(description(Limits())),
    }
    for where, text in docs.items():
        assert NAMES in plain(text or ""), where
    forms = (*COMMON, *ON_REQUEST)
    assert len({form.name for form in forms}) == len(forms)
    suffixes = [suffix for form in forms for suffix in form.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert not UNREAD & {*suffixes}
    assert all(is_another(f"a{suffix}") for suffix in (*suffixes, *UNREAD))
    containers = {name for form in forms for name in form.containers}
    assert containers | {"RAW", "SD2"} == {*soundfile.available_formats()}
    with pytest.raises(ValueError, match=re.escape(" ".join(sorted(SUFFIXES)))):
        scan([ROOT / "cpp" / "cmake"])
    with pytest.raises(
        ValueError, match=re.escape(" ".join(sorted(SUFFIXES | SUFFIXES_ON_REQUEST)))
    ):
        scan([ROOT / "cpp" / "cmake"], formats="all")
