# SPDX-License-Identifier: MIT
"""What is not read: each message names what the file is, and what its owner can do."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from containers import chunk, fmt, riff

from dataset_runs import by_source
from melpix import convert_dataset, load
from melpix.audio import first_bytes
from melpix.errors import DecodeError
from melpix.serving.answer import Limits
from melpix.serving.work import Answerer
from sounds import KINDS, chirp, encode, without_xing

TAG = b"ID3\3\0\0\0\0\0\x0a" + bytes(10)

NOISE = np.random.default_rng(5).bytes(5000)

# What a message must hold, by the content; first the code, then words: the name and the way out.
# Where it is cut, a sound's format may be unknown.
FFMPEG = "ffmpeg -i "
OTHERS = {
    "empty": (b"", "empty", "fetch it again"),
    "zeros": (bytes(5000), "zeros", "fetch it again"),
    "noise": (NOISE, "an unknown format, none of WAV, ", FFMPEG),
    "text": (b"Dear diary, no sound today.\n" * 50, "a text", "--from-list"),
    "html": (b"\r\n<!DOCTYPE HTML><html><title>404</title>", "an HTML page", "fetch that again"),
    "xml": (b"<?xml version='1.0'?><Error>", "an XML text", "fetch that again"),
    "json": (b'{"error": "not found \xc3\xa9"}', "a JSON text", "fetch that again"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS", "git lfs"),
    "annex": (b"/annex/objects/SHA256E-s9--0a.wav\n", "git-annex", "git annex get"),
    "double": (b"\0\5\x16\7\0\2\0\0Mac OS X        ", "AppleDouble", "leave this one out"),
    "midi": (b"MThd\0\0\0\6\0\1", "MIDI", "FluidSynth"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG", "leave it out"),
    "zip": (b"PK\3\4\x14\0\0\0", "ZIP", "unpack it"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0", "gzip", "unpack it"),
    "tar": (b"a.wav".ljust(257, b"\0") + b"ustar\x0000", "tar", "unpack it"),
    "npy": (b"\x93NUMPY\1\0v\0{'descr'", "NumPy", "numpy.load"),
}

UNREAD = {
    "m4a": (b"\0\0\0\x20ftypM4A \0\0\0\0", "MP4 (mostly AAC)"),
    "mov": (b"\0\0\0\x14ftypqt  \0\0\0\0", "QuickTime"),
    "webm": (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81", "Matroska or WebM"),
    "wma": (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "ASF (Windows Media)"),
    "avi": (b"RIFF\xff\xff\0\0AVI LIST", "AVI"),
    "wv": (b"wvpk\x10\0\0\0", "WavPack"),
    "ape": (b"MAC \x96\x0f", "Monkey's Audio"),
    "dsf": (b"DSD \x1c\0\0\0", "DSD"),
    "amr": (b"#!AMR\n<", "AMR"),
    "spx": (b"OggS\0\2" + bytes(22) + b"Speex   1.2", "Ogg Speex"),
    "aac": (b"\xff\xf1\x50\x80\x01\x00\xfc\0" * 40, "AAC"),
    "tagged.aac": (TAG + b"\xff\xf1\x50\x80\x01\x00\xfc\0" * 40, "AAC"),
    "dts": (b"\x7f\xfe\x80\x01" + NOISE, "DTS"),
    "ts": (b"".join(b"G" + bytes(187) for _ in range(4)), "MPEG transport stream"),
}  # fmt: skip

# Made by ffmpeg where there is one: the options, and what is to be named.
MADE = {
    "a.m4a": ("-c:a aac", "MP4"),
    "b.webm": ("-c:a libopus", "Matroska"),
    "c.aac": ("-c:a aac", "AAC"),
    "d.wma": ("-c:a wmav2", "Windows Media"),
    "e.ac3": ("-c:a ac3", "AC-3"),
    "f.mka": ("-c:a flac", "Matroska"),
    "g.wv": ("-c:a wavpack", "WavPack"),
    "h.tta": ("-c:a tta", "True Audio"),
    "i.ts": ("-c:a aac", "MPEG transport stream"),
    "j.dts": ("-c:a dca -strict -2", "DTS"),
    "k.caf": ("-c:a alac", "ALAC in CAF"),
    "l.wav": ("-c:a ac3", "AC-3 in WAV"),
    "m.wav": ("-c:a aac", "AAC in WAV"),
    "n.wav": ("-c:a adpcm_ms", "MS ADPCM in WAV"),
    "o.avi": ("-c:a pcm_s16le", "AVI"),
    "p.sox": ("-c:a pcm_s32le", "SoX"),
}

BAD = ("does not exist", "pipe?", ": Unspecified", "unimplemented")


def zoo(folder: Path) -> dict[str, tuple[str, ...]]:
    """Write all of them; return the words for each. Names promise WAV or MP3 as a rule."""
    words: dict[str, tuple[str, ...]] = {}
    contents = {f"{name}.wav": (data, *more) for name, (data, *more) in OTHERS.items()}
    contents |= {f"{n}.mp3": (data, w, "not read", FFMPEG) for n, (data, w) in UNREAD.items()}
    for kind, (container, _) in KINDS.items():
        data, name = encode(kind, chirp(4000, 2), 48000), container.replace("WAVEX", "WAV")
        name = {"OGG": "Ogg", "MP3": "MP3"}.get(name, name)
        data = without_xing(data) if kind == "mp3" else data
        for kept in (4, 20, 40):
            known = name if kept > 16 or kind in ("flac", "au", "caf", "mp3") else ""
            contents[f"{kind}{kept}.bin"] = (data[:kept], known, FFMPEG)
    on_request = ("formats='all'", "--formats all", FFMPEG)
    adpcm = encode("WAV", chirp(5000), 44100, "IMA_ADPCM")
    contents["adpcm.wav"] = (adpcm, "IMA ADPCM in WAV", *on_request)
    half = riff(chunk(b"fmt ", fmt(3, bits=16)), chunk(b"data", bytes(4800)))
    contents["half.wav"] = (half, "16-bit floats in WAV is not read", FFMPEG)
    for bits in (0, 7777):  # no depth of anything
        broken = riff(chunk(b"fmt ", fmt(1, bits=bits)), chunk(b"data", bytes(4800)))
        contents[f"bits{bits}.wav"] = (broken, "WAV that is damaged or cut short", FFMPEG)
    contents["voc.bin"] = (encode("VOC", chirp(500), 44100, "PCM_16"), "VOC", *on_request)
    for name, (data, *more) in contents.items():
        (folder / name).write_bytes(data)
        words[name] = tuple(more)
    if shutil.which("ffmpeg"):
        source = folder / "source"
        source.write_bytes(encode("wav", chirp(44100, 2), 44100))
        for name, (options, what) in MADE.items():
            command = ["ffmpeg", "-v", "quiet", "-i", source, *options.split(), folder / name]
            if subprocess.run(command, check=False).returncode == 0:
                words[name] = (what, FFMPEG)
        source.unlink()
    return words


def test_every_message_names_what_it_is_and_the_way_out(tmp_path: Path) -> None:
    """By path, from memory, in the service and in a data set: the same words."""
    folder = tmp_path / "in"
    folder.mkdir()
    words = zoo(folder)
    assert len(words) > 60
    read = {"au40.bin", "aiff40.bin"}  # some samples follow the header

    def check(name: str, code: str, message: str) -> None:
        assert code in ("decode_failed", "no_decoder", "unsupported_format"), (name, code)
        for word in words[name]:
            assert word in message or (word and "unknown format" in message), (name, message)
        assert not any(bad in message for bad in BAD), (name, message)

    answer = Answerer(Limits())
    for name in words.keys() - read:
        path = folder / name
        data = path.read_bytes()
        for source in (path, data):
            with pytest.raises(DecodeError) as caught:
                load(source)
            check(name, caught.value.code, str(caught.value))
            assert str(caught.value).startswith(
                f"{str(path)!r}: " if source is path else "the given"
            )
        body = json.loads(answer("image", "", "", bytearray(data)).body)["error"]
        check(name, body["code"], body["message"])

    out = tmp_path / "out"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        convert_dataset([folder / name for name in words], out, workers=2)
    lines = by_source(out)
    for name in words.keys() - read:
        line = lines[name]
        check(name, line["code"], line["message"])


@pytest.mark.parametrize("content", [b"\1\2\3\xff" * 9, b"\x1a\x45\xdf\xa3" + bytes(99)])
def test_the_way_out_is_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of").mkdir()
    for name, command in {
        "a b.webm": "ffmpeg -i 'a b.webm' 'a b.wav' makes a file that is read",
        "of/A.WAV": "ffmpeg -i of/A.WAV of/A-pcm.wav makes a file that is read",
        "-a.mp3": "ffmpeg -i ./-a.mp3 ./-a.wav makes a file that is read",
        "at 12:30.mp3": "ffmpeg -i './at 12:30.mp3' './at 12:30.wav' makes a file that is read",
        None: "ffmpeg -i IN OUT.wav makes a file that is read",
    }.items():
        if name is not None:
            if os.name == "nt" and ":" in name:
                continue
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DecodeError) as caught:
            load(content if name is None else name)
        assert str(caught.value).endswith(command)


def test_nothing_is_read_by_its_name_alone(tmp_path: Path) -> None:
    """libsndfile decodes anything whose name ends in .vox or .gsm, and what is no AU in .au."""
    for name in ("x.vox", "x.gsm", "x.au", "x.snd"):
        (tmp_path / name).write_bytes(NOISE)
        with pytest.raises(DecodeError, match="an unknown format"):
            load(tmp_path / name)


def test_frames_of_mp3_in_another_format_are_not_played() -> None:
    """A mark goes before them: mpg123 finds frames in any noise that is long enough."""
    frames = without_xing(encode("mp3", chirp(44100), 44100))
    for head, name in ((b"wvpk", "WavPack"), (b"\x7f\xfe\x80\x01", "DTS"), (b".RMF", "RealMedia")):
        with pytest.raises(DecodeError, match=f"{name} is not read"):
            load(head + NOISE[:500] + frames)


def test_a_tag_alone_is_no_mp3() -> None:
    assert first_bytes.look(io.BytesIO(TAG + b"fLaC" + bytes(50)))[:4] == b"fLaC"
    assert first_bytes.look(io.BytesIO(TAG + b"\1" * 50)).startswith(b"ID3")
    endless = b"ID3\3\0\0" + struct.pack(">I", 0x7F7F7F7F)
    assert first_bytes.look(io.BytesIO(endless + b"fLaC")).startswith(b"ID3")
