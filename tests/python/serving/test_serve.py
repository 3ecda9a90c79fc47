# SPDX-License-Identifier: MIT
"""melpix serve: real requests to a real server, good and hostile, and its page in a browser."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np
import psutil
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from browser import Browser
from melpix import DecodeError, Frontend, convert_bytes, demo, load, presets, read_png, windows
from melpix.cli import main
from melpix.serving.answer import Limits
from melpix.serving.openapi import description
from melpix.serving.request import FRONTEND, READING, read_query
from melpix.serving.work import Answerer
from sounds import chirp, encode

HERE = Path(__file__).parents[1]
WAV = demo.wav()
CO = "caf\u00e9 & co"
SHORT = encode("wav", chirp(8000, sr=16000), 16000)


class Reply(NamedTuple):
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error's."""
        error = json.loads(self.body)["error"]
        assert error["message"]
        return str(error["code"])

    @property
    def facts(self) -> dict[str, Any]:
        """The metadata."""
        found = json.loads(self.headers["x-melpix-metadata"])
        assert isinstance(found, dict)
        return found


class Server:
    """A service in a process of its own."""

    def __init__(self, *command: str, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        self.log: list[str] = []
        assert self.process.stdout is not None
        while not (found := re.search(r"http://([\d.]+):(\d+)", self.log[-1] if self.log else "")):
            line = self.process.stdout.readline()
            assert line, self.log
            self.log.append(line)
        self.host, self.port = found[1], int(found[2])
        self.address = found[0]

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """Send a request; `more` are parameters of the query."""
        headers = more.pop("headers", {})
        query = f"?{urlencode(more)}" if more else ""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path + query, body, headers)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())

    def image(self, body: Any = SHORT, **more: Any) -> Reply:
        """Ask for an image."""
        return self("POST", "/v1/image", body, **more)

    def end(self, signum: int = signal.SIGTERM) -> int:
        """Stop it; return the exit code."""
        self.process.send_signal(signum)
        rest, _ = self.process.communicate(timeout=30)
        self.log += rest.splitlines(keepends=True)
        return self.process.returncode


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The command itself."""
    server = Server("-m", "melpix", "serve", "--port", "0", "--workers", "2")
    yield server
    assert server.end() == 128 + signal.SIGTERM
    log = [line for line in server.log if "Invalid HTTP request" not in line]
    assert len(log) == 1, log  # nothing went wrong that nobody asked for


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with narrow limits, and faults."""
    folder = tmp_path_factory.mktemp("empty")
    path = os.pathsep.join([str(HERE), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder)}
    server = Server(str(HERE / "serving_jobs.py"), env=environment, cwd=folder)
    yield server
    assert server.end() == 128 + signal.SIGTERM
    assert not any(folder.iterdir()), "something touched the disk"
    log = [line for line in server.log if "Exceeded concurrency limit" not in line]
    assert len(log) == 1, log


# --- what it answers ---------------------------------------------------------------------------


def test_the_image_is_the_librarys(server: Server) -> None:
    reply = server.image(WAV)
    assert (reply.status, reply.headers["content-type"]) == (200, "image/png")
    assert reply.body == convert_bytes(WAV)
    image, metadata = read_png(reply.body)
    facts = reply.facts
    assert facts["shape"] == list(image.shape)
    assert (facts["lo"], facts["hi"]) == (metadata["lo"], metadata["hi"])
    assert facts["warnings"] == []
    assert re.match(r"decode;dur=[\d.]+, render;dur=", reply.headers["server-timing"])


@pytest.mark.parametrize(
    ("query", "frontend", "how"),
    [
        ({"n_mels": 64, "sr": 16000}, {"n_mels": 64, "sr": 16000}, {}),
        ({"sr": "native"}, {}, {"sr": "native"}),
        ({"offset": 0.1, "duration": 0.2}, {}, {"offset": 0.1, "duration": 0.2}),
        ({"time_steps": 5, "source": CO}, {}, {"time_steps": 5, "source": CO}),
        ({"range": "[-20, 4]", "flip": "false"}, {"range": (-20, 4), "flip": False}, {}),
        ({"window": "hamming", "norm": "null"}, {"window": "hamming", "norm": None}, {}),
        ({"config": '{"offset": 1e-6, "duration": 2}'}, {"offset": 1e-6, "duration": 2}, {}),
        ({"compress": '["power", 0.5]'}, {"compress": ("power", 0.5)}, {}),
    ],
)  # fmt: skip
def test_parameters_stand_in_the_query(
    server: Server, query: dict[str, Any], frontend: dict[str, Any], how: dict[str, Any]
) -> None:
    reply = server.image(**query)
    assert reply.status == 200, reply.body
    assert reply.body == convert_bytes(SHORT, Frontend(**frontend), **how)


@pytest.mark.parametrize("name", presets())
def test_presets(server: Server, name: str) -> None:
    f = Frontend.from_preset(name)
    sound = encode("flac", chirp(round(1.5 * f.sr), sr=int(f.sr)), int(f.sr))
    assert server.image(sound, preset=name).body == convert_bytes(sound, f)
    reply = server("POST", "/v1/features", sound, preset=name)
    features = np.load(io.BytesIO(reply.body))
    y, _ = load(sound, sr=f.sr)
    assert np.array_equal(features, f.features(y))
    assert reply.facts["shape"] == list(features.shape)
    assert reply.headers["content-type"] == "application/x-npy"
    over = server.image(sound, preset=name, flip="true")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mine = Frontend.from_preset(name, flip=True)
    assert over.body == convert_bytes(sound, mine)
    assert over.facts["warnings"] == [str(w.message) for w in caught]


@pytest.mark.parametrize("kind", ["flac", "vorbis", "opus", "mp3", "aiff"])
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "audio/x-anything"}])
def test_any_format(server: Server, kind: str, headers: dict[str, str]) -> None:
    sound = encode(kind, chirp(24000, 2, sr=24000), 24000)
    assert server.image(sound, headers=headers).body == convert_bytes(sound)


def test_mp3s_that_begin_somewhere(server: Server, tmp_path: Path) -> None:
    """A request has no name from which libsndfile would know them."""
    mp3 = encode("mp3", chirp(22050, sr=22050), 22050)
    path = tmp_path / "x.mp3"
    for data in (b"\0" + mp3, b"\r\n" + mp3, bytes(70_000) + mp3, mp3[517:]):
        path.write_bytes(data)
        expected = load(path)[0]
        reply = server("POST", "/v1/features", data)
        assert reply.status == 200, reply.body
        features = np.load(io.BytesIO(reply.body))
        np.testing.assert_array_equal(features, Frontend().features(expected))
        assert server.image(data).body == convert_bytes(data)


def form(*parts: tuple[str, bytes], boundary: str = "b0und", before: bytes = b"") -> dict[str, Any]:
    body = before
    for disposition, content in parts:
        body += f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n".encode()
        body += b"Content-Type: audio/wav\r\n\r\n" + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    headers = {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}
    return {"body": body, "headers": headers}


def test_a_form_holds_the_sound(server: Server) -> None:
    name = 'name="file"; filename="../../etc/passwd"'
    tricky = SHORT[:2000] + b"\r\n--b0un\r\n\r\n" + SHORT[2014:]
    for sound in (SHORT, tricky):
        assert server.image(**form((name, sound))).body == convert_bytes(sound)
        assert server.image(**form((name, sound), before=b"said before\r\n")).status == 200
    assert server.image(**form((name, b""))).code == "decode_failed"
    for wrong in (
        form(),
        form((name, SHORT), (name, SHORT)),
        {**form((name, SHORT)), "headers": {"Content-Type": "multipart/form-data"}},
        {"body": form((name, SHORT))["body"][:-40], "headers": form()["headers"]},
        {"body": b"--b0und\r\n\r\n", "headers": form()["headers"]},
        {"body": b"", "headers": form()["headers"]},
    ):
        reply = server.image(**wrong)
        assert (reply.status, reply.code) == (400, "bad_parameter")


def test_a_forms_other_fields_are_parameters(server: Server) -> None:
    name = 'name="file"; filename="a.wav"'
    fields = [('name="preset"', b"whisper-80"), ("name=source", CO.encode())]
    expected = server.image(preset="whisper-80", source=CO, n_mels=64)
    assert expected.status == 200
    for parts in ([*fields, (name, SHORT)], [(name, SHORT), *fields]):
        reply = server.image(**form(*parts), n_mels=64)
        assert reply.body == expected.body
        assert reply.facts["shape"] == expected.facts["shape"]
    assert read_png(expected.body)[1]["source"] == CO
    # A field may hold what a query would have to escape.
    config = ('name="config"', b'{"sr": 8000, "n_fft": 256}')
    assert server.image(**form(config, (name, SHORT))).facts["sr"] == 8000


@pytest.mark.parametrize(
    ("field", "more", "said"),
    [
        (('name="n_mel"', b"64"), {}, "there is no parameter 'n_mel': see /openapi.json"),
        (('name="n_mels"', b"-1"), {}, "n_mels"),
        (('name="n_mels"', b"64"), {"n_mels": 64}, "n_mels must be given once"),
        (('name="n_mels"', b""), {}, "n_mels"),
        (('name="source"', b"\xff"), {}, "source must be a text in UTF-8, or a file with a name"),
        (('name="filename"', b"1"), {}, "there is no parameter 'filename'"),
        (("", b"64"), {}, "each field of the form must have a name"),
        (("name*=utf-8''sr", b"8000"), {}, "each field of the form must have a name"),
        (('name="source"', b"a" * 70_000), {}, "the form must hold <= 65536 bytes beside its file"),
    ],
)
def test_a_field_that_is_no_parameter_is_named(
    server: Server, field: tuple[str, bytes], more: dict[str, Any], said: str
) -> None:
    sound = ('name="file"; filename="a.wav"', SHORT)
    reply = server.image(**form(sound, field), **more)
    assert (reply.status, reply.code) == (400, "bad_parameter")
    assert said in json.loads(reply.body)["error"]["message"]


def test_a_form_of_many_fields_is_refused(server: Server) -> None:
    fields = [(f'name="f{i}"', b"") for i in range(500)]
    reply = server.image(**form(*fields, ('name="file"; filename="a.wav"', SHORT)))
    assert (reply.status, reply.code) == (400, "bad_parameter")


def test_a_body_in_chunks(server: Server) -> None:
    parts = iter([WAV[:100], WAV[100:50000], WAV[50000:]])
    assert server.image(parts).body == convert_bytes(WAV)


def test_one_connection_serves_many_requests(server: Server) -> None:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    with contextlib.closing(connection):
        for body in (SHORT, b"garbage", SHORT):
            connection.request("POST", "/v1/image", body)
            answer = connection.getresponse()
            assert answer.status == (422 if body == b"garbage" else 200)
            answer.read()


def test_presets_health_and_openapi(server: Server) -> None:
    facts = json.loads(server("GET", "/v1/presets").body)
    assert list(facts["presets"]) == presets()
    for name, found in facts["presets"].items():
        assert found["parameters"] == Frontend.from_preset(name).params
    assert facts["recipe"] == Frontend().params
    health = json.loads(server("GET", "/healthz").body)
    assert (health["status"], health["workers"]) == ("ok", 2)
    spec = json.loads(server("GET", "/openapi.json").body)
    assert spec == description(Limits())
    for path, operations in spec["paths"].items():
        for method in operations:
            status = server(method.upper(), path, SHORT if method == "post" else None).status
            assert str(status) in operations[method]["responses"], path
            assert status == 200


def test_openapi_describes_every_parameter() -> None:
    models = pytest.importorskip("fastapi.openapi.models")
    spec = description(Limits())
    models.OpenAPI.model_validate(spec)
    for kind, missing in (("image", set()), ("features", {"source"})):
        found = spec["paths"][f"/v1/{kind}"]["post"]["parameters"]
        names = [p["name"] for p in found]
        assert len(names) == len(set(names))
        assert set(names) == {"preset", "config", *FRONTEND, *READING} - missing
        assert all(p["description"] for p in found), [p for p in found if not p["description"]]
        for p in found:
            either = p["schema"].get("anyOf", [p["schema"]])
            assert either, p
            assert all(schema.get("type") for schema in either), p


# --- what it refuses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {"n_mel": 3}, {"n_mels": 0}, {"n_mels": "many"}, {"n_mels": 1025}, {"n_fft": 2**30},
        {"hop_length": 2**40}, {"sr": "fast"}, {"sr": 1e12}, {"preset": "none"}, {"config": "3"},
        {"config": '{"n_fft": 99999}'}, {"config": "[" * 20000}, {"offset": -1}, {"offset": "x"},
        {"duration": "NaN"}, {"time_steps": 0}, {"time_steps": "1.5"}, {"strict": "maybe"},
        {"range": "[4, -20]"}, {"stack": json.dumps([{"fmin": i + 1} for i in range(9)])},
        {"stack": '[{"n_fft": 1000000}]'}, {"stack": "3"}, {"window": "[1, 2]"}, {"out": "/tmp/x"},
        {"file": "/etc/passwd"}, {"max_seconds": 9999}, {"_impl": 1}, {"max_columns": 5},
        {"sr": "null"}, {"fmin": "9e9"}, {"compress": "{}"}, {"compress": '["pcen", "x"]'},
        {"dtype": "object"}, {"precision": "half"}, {"patch": -1}, {"columns": 10**12},
        {"preset": "whisper-80", "time_steps": 100}, {"columns": 5, "time_steps": 50},
    ],
    ids=str,
)  # fmt: skip
def test_senseless_parameters(server: Server, query: dict[str, Any]) -> None:
    for kind in ("image", "features"):
        reply = server("POST", f"/v1/{kind}", SHORT, **query)
        assert 400 <= reply.status < 500, reply.body
        assert reply.code in ("bad_parameter", "image_too_large")


def test_a_parameter_given_twice(server: Server) -> None:
    reply = server("POST", "/v1/image?sr=8000&sr=16000", SHORT)
    assert (reply.status, reply.code) == (400, "bad_parameter")
    assert (
        server("POST", "/v1/image?" + "&".join(f"a{i}=1" for i in range(200)), SHORT).status == 400
    )


def test_sounds_that_are_none(faulty: Server) -> None:
    bad = encode("wav", np.full(900, np.nan), 16000, "FLOAT")
    for sound, code in (
        (b"", "decode_failed"),
        (b"garbage" * 99, "decode_failed"),
        (SHORT[:30], "decode_failed"),
        (encode("wav", np.zeros(0), 16000), "empty_audio"),
        (bad, "non_finite"),
        (encode("VOC", np.zeros(900), 16000, "PCM_16"), "unsupported_format"),
    ):
        reply = faulty.image(sound)
        assert (reply.status, reply.code) == (422, code)
    assert faulty.image(SHORT[:-900], strict="true").code == "truncated"
    assert faulty.image(SHORT[:-900]).facts["truncated"]


def test_too_much_of_anything(faulty: Server) -> None:
    for body, query, code in (
        (encode("flac", np.zeros(21 * 8000), 8000), {"n_mels": 16}, "too_long"),
        (SHORT, {"hop_length": 1}, "image_too_large"),
        (SHORT, {"columns": 10_000}, "image_too_large"),
        (SHORT, {"config": '{"duration": 100}', "columns": 1, "sr": 1_000_000}, "too_long"),
        (SHORT + bytes(1_000_001 - len(SHORT)), {}, "too_large"),
    ):
        reply = faulty.image(body, **query)
        assert (reply.status, reply.code) == (413, code)
    reply = faulty("POST", "/v1/features", SHORT, hop_length=1)
    assert (reply.status, reply.code) == (413, "image_too_large")
    reply = faulty("POST", "/v1/features", SHORT, patch=20, patch_step=1, hop_length=16)
    assert (reply.status, reply.code) == (413, "image_too_large")


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """The command itself, with one worker that has little memory."""
    server = Server("-m", "melpix", "serve", "--port", "0", "--workers", "1", "--memory", "256")
    yield server
    server.end()


def peak(server: Server) -> int:
    """Bytes that a worker has had in memory at once."""
    workers = psutil.Process(server.process.pid).children(recursive=True)
    states = [Path(f"/proc/{worker.pid}/status").read_text() for worker in workers]
    return max(int(kib) << 10 for kib in re.findall(r"VmHWM:\s+(\d+) kB", "".join(states)))


MINUTES = encode("wav", chirp(60_000, sr=100), 100)  # ten of them
MANY = encode("wav", chirp(64, 1000, sr=16000), 16000)
TAIL = {"tail": "pad", "columns": 1}
THREE = json.dumps([{"fmin": fmin} for fmin in (1, 2, 3)])


@pytest.mark.skipif(sys.platform != "linux", reason="/proc, and a limit that holds")
@pytest.mark.parametrize("kind", ["image", "features"])
def test_no_small_request_takes_much_memory(narrow: Server, kind: str) -> None:
    """What would be filled with is told before it is made, with the figure."""
    hour = json.dumps({"duration": 97_000})
    for body, query, figure in (
        (SHORT, {"config": hour, "columns": 1}, "2138850000"),
        (SHORT, {"config": hour, "columns": 1, "level": "minmax"}, "2138850000"),
        (SHORT, {}, ""),
        (MANY, {"config": json.dumps({"duration": 100}), "columns": 1, "sr": 16000}, "1600000000"),
        (MANY, {"config": json.dumps({"duration": 99}), "columns": 1, "sr": "native"}, "1000"),
        (MINUTES, {"sr": 10_000_000, "columns": 1}, "6.0 s"),
        (SHORT, {"patch": 10**9, **TAIL}, "512000"),
        (SHORT, {"patch": 1, "patch_step": 10**7, **TAIL}, "5120"),
        (SHORT, {"patch": 10**4, **TAIL, "stack": '[{"hop_length": 60000}]'}, "6000"),
        (SHORT, {"stack": '[{"hop_length": 100000000}]'}, "65536"),
        (SHORT, {"stack": '[{"n_fft": 100000000}]'}, "65536"),
        (SHORT, {"n_mels": 1024, "columns": 15_000, "stack": THREE}, "16000000 3906"),
        (SHORT, {"n_mels": 128, "columns": 10**9}, "16000000 125000"),
    ):
        if kind == "features" and body is MANY:
            continue  # they are of one channel
        reply = narrow("POST", f"/v1/{kind}", body, **query)
        if figure:
            assert reply.status in (400, 413), query
            assert reply.code in ("too_long", "image_too_large", "bad_parameter"), query
            assert any(text in reply.body.decode() for text in figure.split()), reply.body
        else:
            assert reply.status == 200, reply.body
    assert peak(narrow) < 256 << 20


def test_pixels_are_bounded_by_bytes(faulty: Server) -> None:
    """100,000 of them: of 128 rows, 781 columns."""
    for query, most in (
        ({}, 781),
        ({"bits": 16}, 390),
        ({"stack": '[{"fmin": 1}]'}, 390),
        ({"bits": 16, "stack": '[{"fmin": 1}]'}, 195),
    ):
        assert faulty.image(**query, columns=most).status == 200
        reply = faulty.image(**query, columns=most + 1)
        assert reply.status == 413
        assert reply.code == "image_too_large"


def test_too_short_a_sound_is_told_in_one_way() -> None:
    """By requests, by files and by windows."""
    data, f = encode("wav", np.zeros(99), 16000), Frontend(sr=16000, framing="uncentered")
    text = "the given bytes: 0.006 s of sound, but a frame takes 0.064 s"
    for make in (lambda: convert_bytes(data, f), lambda: list(windows(data, f))):
        with pytest.raises(DecodeError) as caught:
            make()
        assert (caught.value.code, str(caught.value)) == ("too_short", text)
    work = Answerer(Limits())
    for kind in ("image", "features"):
        answer = work(kind, "sr=16000&framing=uncentered", "", bytearray(data))
        error = json.loads(answer.body)["error"]
        assert (answer.status, error) == (422, {"code": "too_short", "message": text})


@pytest.mark.parametrize("kind", ["image", "features"])
def test_what_would_be_too_large_is_not_even_decoded(kind: str) -> None:
    """The second half of the file is no sound: to read it would be another error."""
    data = encode("wav", np.full(32000, np.nan), 16000, "FLOAT")
    work = Answerer(Limits(max_pixels=64 * 20))
    answer = work(kind, "sr=16000&n_mels=64&hop_length=512", "", bytearray(data))
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (413, "image_too_large")


def test_plans_are_kept_by_what_is_planned() -> None:
    """Many names of sounds, or places in them, must not put out what others use."""
    made = [read_query(f"n_mels=9&fmin={i}.0625").frontend for i in range(16)]
    for i in range(40):
        one = read_query(f"n_mels=9&fmin=5.0625&source=a{i}").frontend
        # In any order.
        other = read_query(f"fmin=5.0625&offset=0.0{i}&n_mels=9&time_steps=9").frontend
        assert one is other is made[5]
    for i, f in enumerate(made):
        assert read_query(f"n_mels=9&fmin={i}.0625").frontend is f


def test_a_worker_that_takes_too_much_memory(faulty: Server) -> None:
    if sys.platform == "linux":
        reply = faulty.image(b"LEAK")
        assert (reply.status, reply.code) == (413, "no_memory")
    assert faulty.image().status == 200


def until(condition: Callable[[], object]) -> None:
    """Wait for what comes in a moment, however slow this machine is."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Begun:
    """Hears of jobs of `serving_jobs` that begin: they connect to a port."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(60)
        self.port: int = self._listener.getsockname()[1]

    def wait(self) -> None:
        """Wait for one more."""
        self._listener.accept()[0].close()

    def __enter__(self) -> Begun:
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.close()


def raw(server: Server, data: bytes, last: bytes | None = None) -> bytes:
    """Send bytes and read until the server closes, or `last` has come."""
    with socket.create_connection((server.host, server.port), timeout=60) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
        heard = b""
        with contextlib.suppress(OSError):
            while (last is None or last not in heard) and (part := connection.recv(65536)):
                heard += part
        return heard


def test_a_huge_body_is_refused_unread(faulty: Server) -> None:
    head = b"POST /v1/image HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    heard = raw(faulty, head, last=b"too_large")  # not a byte of it is sent
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in heard.lower()
    chunk = b"fffff\r\n" + bytes(0xFFFFF) + b"\r\n"
    head = b"POST /v1/image HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    heard = raw(faulty, head + 99 * chunk, last=b"too_large")
    assert not heard or heard.startswith(b"HTTP/1.1 413 ")  # or the connection was reset
    assert faulty.image().status == 200


@pytest.mark.parametrize("headers", [b"X: %b", b"X: 1\r\n" * 200_000 + b"%b"])
def test_a_huge_head_is_refused(faulty: Server, headers: bytes) -> None:
    head = b"POST /v1/image HTTP/1.1\r\nHost: x\r\n"
    for data in (
        head + headers % bytes(b"a" * 1_000_000),
        head + headers % bytes(b"a" * 1_000_000) + b"\r\n\r\n",
        b"POST /v1/image?" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + headers % bytes(b"a" * 1_000_000),
    ):
        heard = raw(faulty, data, last=b"head_too_large")
        assert heard.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 422 ")), heard[:99]
        assert b"HTTP/1.1 431 " in heard
        assert b'"code": "head_too_large"' in heard
    assert faulty("GET", "/healthz", headers={"X": "a" * 60_000}).status == 200


def test_a_huge_head_costs_nothing(faulty: Server) -> None:
    process = psutil.Process(faulty.process.pid)
    before = process.memory_info().rss
    with socket.create_connection((faulty.host, faulty.port), timeout=30) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"POST /v1/image HTTP/1.1\r\nHost: x\r\nX: ")
            for _ in range(400):
                connection.sendall(b"a" * (1 << 18))
        assert faulty.image().status == 200
        assert process.memory_info().rss - before < 30 << 20


@pytest.mark.parametrize("size", [1_100_000, 33_000_000, 45_000_000])
def test_who_sends_too_much_sees_the_answer(faulty: Server, size: int) -> None:
    reply = faulty.image(bytes(size))  # http.client reads when all is sent
    assert (reply.status, reply.code) == (413, "too_large")


@pytest.mark.timing
def test_a_slow_body(faulty: Server) -> None:
    heard = raw(faulty, post(b"RIFF", length=999), last=b"slow_body")
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "slow_body"' in heard


@pytest.mark.timing
def test_clients_that_leave(faulty: Server) -> None:
    head = b"POST /v1/image HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    for data in (b"POST", head % 999, head % 999 + b"RIFF", head % len(SHORT) + SHORT):
        for _ in range(5):
            deaf(faulty, data).close()
        until_served(faulty)


def test_other_methods_and_places(server: Server) -> None:
    for method, path, status, code in (
        ("GET", "/v1/image", 405, "bad_method"),
        ("PUT", "/v1/features", 405, "bad_method"),
        ("POST", "/healthz", 405, "bad_method"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/../../etc/passwd", 404, "not_found"),
        ("POST", "/v1/image/", 404, "not_found"),
    ):
        reply = server(method, path, b"")
        assert (reply.status, reply.code) == (status, code), path
    assert raw(server, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")


# --- what it survives --------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [b"CRASH", b"EXIT"])
@pytest.mark.timing
def test_a_crash_costs_its_own_request_alone(faulty: Server, fault: bytes) -> None:
    statuses: list[int] = []
    expected = convert_bytes(SHORT)

    def good() -> None:
        for _ in range(20):
            reply = faulty.image()
            statuses.append(200 if reply.body == expected else reply.status)

    thread = threading.Thread(target=good)
    thread.start()
    for _ in range(3):
        reply = faulty.image(fault)
        assert (reply.status, reply.code) == (422, "crashed")
        said = b"SIGSEGV" if fault == b"CRASH" else b"exit code 3"
        assert said in reply.body
    thread.join()
    assert statuses == [200] * 20


@pytest.mark.timing
@pytest.mark.timing
def test_a_hang_costs_its_own_request_alone(faulty: Server) -> None:
    replies: list[Reply] = []
    with Begun() as begun:
        body = b"HANG %d" % begun.port
        threads = [
            threading.Thread(target=lambda: replies.append(faulty.image(body))) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for _ in threads:
            begun.wait()
    assert faulty.image().status == 200  # waits until a worker has been replaced
    for thread in threads:
        thread.join()
    assert [(r.status, r.code) for r in replies] == [(504, "timeout")] * 2


@pytest.mark.timing
def test_a_worker_killed_from_outside_costs_nothing(faulty: Server) -> None:
    for _ in range(2):
        pid = int(faulty.image(b"PID").body)
        os.kill(pid, signal.SIGKILL)
        assert faulty.image().status == 200
    until(lambda: json.loads(faulty("GET", "/healthz").body)["workers"] == 2)


def post(body: bytes, path: str = "/v1/image", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode() + body


# The head of a request whose client waits until it is to send the body.
ASKING = post(b"", length=99).replace(b"Host: x", b"Host: x\r\nExpect: 100-continue")

ADMITTED = b"HTTP/1.1 100 "


def is_admitted(server: Server) -> bool:
    """Whether a request gets a place now."""
    with deaf(server, ASKING) as connection:
        return connection.recv(4096).startswith(ADMITTED)


def deaf(server: Server, data: bytes) -> socket.socket:
    """Return the connection of a client that asks, and does not read the answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((server.host, server.port))
    connection.sendall(data)
    return connection


def connections(server: Server) -> int:
    found = psutil.Process(server.process.pid).net_connections()
    return sum(each.status in ("ESTABLISHED", "CLOSE_WAIT") for each in found)


def until_alone(server: Server) -> None:
    """Wait until the server has no connection."""
    until(lambda: not connections(server))


def listens(server: Server) -> bool:
    try:
        socket.create_connection((server.host, server.port)).close()
    except ConnectionRefusedError:
        return False
    return True


def until_served(server: Server) -> None:
    until(lambda: server.image().status == 200)


@pytest.mark.timing
def test_more_than_it_can_do_is_refused_until_clients_leave(tmp_path: Path) -> None:
    path = os.pathsep.join([str(HERE), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "MELPIX_TEST_TIMEOUT": "600"}
    server = Server(str(HERE / "serving_jobs.py"), env=environment, cwd=tmp_path)
    with Begun() as begun, contextlib.ExitStack() as stack:
        for i in range(4):  # all places; both workers
            stack.enter_context(deaf(server, post(b"HANG %d" % begun.port)))
            if i < 2:
                begun.wait()
        until(lambda: not is_admitted(server))
        for _ in range(3):
            reply = server.image()
            assert (reply.status, reply.code, reply.headers["retry-after"]) == (429, "busy", "1")
    until(lambda: is_admitted(server))  # those jobs would never have ended
    assert server.end() == 128 + signal.SIGTERM
    assert len(server.log) == 1, server.log


def test_bodies_that_stall_give_way(server: Server) -> None:
    size = 32 << 20
    with contextlib.ExitStack() as stack:
        stalled = [stack.enter_context(deaf(server, post(bytes(9), length=size))) for _ in range(9)]
        for each in stalled:
            with contextlib.suppress(OSError):  # some are refused while they send
                each.sendall(bytes(size - 10))
        for _ in range(5):
            assert server.image().status == 200
        refused = select.select(stalled, [], [], 0.1)[0]
        assert [each.recv(12) for each in refused] == [b"HTTP/1.1 429"]  # one was enough
    assert server.image().status == 200


def begun(connection: socket.socket) -> None:
    """Wait until an answer has begun to arrive, which is in the server's memory then."""
    connection.settimeout(60)
    assert connection.recv(1, socket.MSG_PEEK) == b"H"


def test_answers_that_nobody_takes_do_not_pile_up(tmp_path: Path) -> None:
    path = os.pathsep.join([str(HERE), *sys.path])
    patient = {"MELPIX_TEST_TIMEOUT": "60", "MELPIX_TEST_PATIENCE": "60"}  # however slow this is
    environment = {**os.environ, "PYTHONPATH": path, **patient}
    server = Server(str(HERE / "serving_jobs.py"), env=environment, cwd=tmp_path)
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    with contextlib.ExitStack() as stack:
        for _ in range(3):  # of four places
            begun(stack.enter_context(deaf(server, post(b"ANSWER50000000"))))
        assert server.image().status == 200
        assert server.image(b"ANSWER120000000").code == "busy"
    until_alone(server)
    assert server.image(b"ANSWER120000000").status == 200
    assert server.image().status == 200
    assert process.memory_info().rss - before < 100 << 20
    assert server.end() == 128 + signal.SIGTERM
    assert len(server.log) == 1, server.log


@pytest.mark.timing
def test_answers_that_nobody_takes_keep_no_place(faulty: Server) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(deaf(faulty, post(b"ANSWER9000000"))) for _ in range(4)]
        for each in held:
            begun(each)
        # On a machine that was held up, the patience with the first has ended by now.
        assert faulty.image().status == 429 or connections(faulty) < len(held)
        until_served(faulty)
        until_alone(faulty)


@pytest.mark.timing
def test_connections_without_a_request_are_closed(faulty: Server) -> None:
    asked = post(SHORT)
    # None, half a line, half a head, nothing but lines' ends, a second one after an answer.
    starts = [b"", b"POST /v1/im", asked[:60], b"\r\n", asked + b"POST", asked + b"\r\n"]
    late = b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
    with contextlib.ExitStack() as stack:
        address = faulty.host, faulty.port
        for data in [*starts, late] * 6:
            each = stack.enter_context(socket.create_connection(address, timeout=30))
            each.sendall(data)
            if data in (late, asked + b"POST"):  # a byte now and then is no progress
                timer = threading.Timer(1.0, lambda each=each: each.sendall(b" "))
                timer.start()
                stack.callback(timer.join)
        until(lambda: faulty("GET", "/healthz").status == 200)
        until_alone(faulty)
    assert faulty.image().status == 200


@pytest.mark.timing
def test_a_slow_reader_gets_all(faulty: Server) -> None:
    with deaf(faulty, post(b"ANSWER9000000")) as connection:
        heard = 0
        while heard < 9_000_000:
            part = connection.recv(65536)
            assert part
            heard += len(part)
            time.sleep(len(part) / 3.5e6)  # for longer than the patience with one part


def test_features_are_bounded_by_bytes(faulty: Server) -> None:
    for dtype, status in (("float32", 200), ("float64", 413)):
        reply = faulty("POST", "/v1/features", SHORT, columns=700, dtype=dtype)
        assert reply.status == status


def test_what_decoders_print_goes_nowhere(faulty: Server) -> None:
    assert faulty.image(b"NOISE").status == 200  # the fixture looks at the log


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timing
def test_what_is_under_way_is_finished(signum: int, tmp_path: Path) -> None:
    path = os.pathsep.join([str(HERE), *sys.path])
    server = Server(
        str(HERE / "serving_jobs.py"), env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path
    )
    children = psutil.Process(server.process.pid).children(recursive=True)
    replies: list[Reply] = []
    with Begun() as begun:
        body = b"SLEEP0.5 %d" % begun.port
        thread = threading.Thread(target=lambda: replies.append(server.image(body)))
        thread.start()
        begun.wait()
    assert server.end(signum) == 128 + signum
    thread.join()
    assert [(r.status, r.body) for r in replies] == [(200, b"slept")]
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert len(server.log) == 1, server.log


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
@pytest.mark.timing
def test_what_does_not_end_is_told_so(signals: list[int], tmp_path: Path) -> None:
    grace = 1 if len(signals) == 1 else 20
    code = f"""if True:
        from contextlib import suppress
        from melpix.serving import app
        from melpix.workers import process
        def say(address): print(address, flush=True)
        with suppress(process.Stopped), process.signals():
            app.run(app.Service(workers=1), say, port=0, grace={grace})
    """
    server = Server("-c", code, cwd=tmp_path)
    with deaf(server, ASKING) as connection:
        assert connection.recv(4096).startswith(ADMITTED)
        for signum in signals:
            server.process.send_signal(signum)
            until(lambda: not listens(server))  # it has seen the first one
        heard = connection.recv(4096)
        while part := connection.recv(4096):
            heard += part
    assert heard.startswith(b"HTTP/1.1 503 ")
    assert b'"code": "closing"' in heard
    rest, _ = server.process.communicate(timeout=30)
    assert "Traceback" not in rest


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is noticed everywhere")
def test_workers_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    server = Server("-m", "melpix", "serve", "--port", "0", "--workers", "2", cwd=tmp_path)
    children = psutil.Process(server.process.pid).children(recursive=True)
    server.process.kill()
    server.process.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def test_the_port_is_taken(server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "melpix", "serve", "--port", str(server.port), "--workers", "1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (1, 3)
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_senseless_options(capfd: pytest.CaptureFixture[str]) -> None:
    for option in ("--workers=0", "--timeout=0", "--max-bytes=-1", "--concurrency=0"):
        assert main(["serve", option]) == 2
        assert option[:9] in capfd.readouterr().err


def test_a_boundary_that_is_nowhere_is_no_endless_search() -> None:
    work = Answerer(Limits())
    body = bytearray(b"\r\n--x" * 1_000_000)
    assert work("image", "", "multipart/form-data; boundary=x", body).status == 400


# --- the page ----------------------------------------------------------------------------------


@pytest.fixture
def page(server: Server, browser: Browser) -> Browser:
    """The page, with the presets in it."""
    browser.open(server.address + "/")
    until_page(browser, "document.querySelector('select').length > 5")
    return browser


def until_page(browser: Browser, condition: str) -> None:
    until(lambda: browser.js(f"Boolean({condition})"))


def choose(browser: Browser, path: Path) -> None:
    node = browser("DOM.getDocument")["root"]["nodeId"]
    found = browser("DOM.querySelector", nodeId=node, selector="#file")["nodeId"]
    browser("DOM.setFileInputFiles", files=[str(path)], nodeId=found)


def fill(browser: Browser, name: str, value: str) -> None:
    field = f"form.elements.{name}"
    browser.js(f"at('image').alt = ''; {field}.value = {json.dumps(value)}")
    browser.js(f"{field}.dispatchEvent(new Event('input', {{bubbles: true}}))")


PIXELS = "png.arrayBuffer().then(b => btoa(String.fromCharCode(...new Uint8Array(b))))"


def test_a_sound_is_seen_at_once(page: Browser, tmp_path: Path) -> None:
    name = 'caf\u00e9 "x" \U0001f3b5.wav'
    path = tmp_path / name
    path.write_bytes(WAV)
    choose(page, path)
    until_page(page, "!at('result').hidden && at('image').naturalWidth")
    assert page.js("[at('image').naturalWidth, at('image').naturalHeight]") == [385, 128]
    assert "128 mel bands, 385 columns, 8.92 seconds" in page.js("at('image').alt")
    assert page.js("at('download').download") == name.replace(".wav", ".png")

    for values in (
        {"preset": "whisper-80"},
        {"preset": "", "n_mels": "64", "sr": "16000", "range": "[-20, 4]", "offset": "1"},
        {"sr": "native", "time_steps": "100", "range": "", "hop_length": "256"},
    ):
        for field, value in values.items():
            fill(page, field, value)
        until_page(page, "at('image').alt && !document.body.hasAttribute('aria-busy')")
        png = base64.b64decode(page.js(PIXELS))
        line = page.js("at('python').textContent")
        assert "\n" not in line
        subprocess.run([sys.executable, "-c", line], check=True, cwd=tmp_path)
        assert (tmp_path / name).with_suffix(".png").read_bytes() == png
    others = [url for url in page.amiss() if not url.startswith(("http://127.0.0.1", "blob:"))]
    assert others == []


def test_a_sound_can_be_dropped(page: Browser) -> None:
    data = list(SHORT)
    page.js(f"""(() => {{
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array({data})], "dropped.wav"));
        for (const type of ["dragover", "drop"]) document.body.dispatchEvent(
            new DragEvent(type, {{dataTransfer: transfer, bubbles: true, cancelable: true}}));
    }})()""")
    until_page(page, "!at('result').hidden")
    assert page.js("status.textContent").startswith("dropped.wav: 128 \u00d7 22 pixels, 0.50 s")


def test_what_goes_wrong_is_said(page: Browser, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"nothing")
    choose(page, path)
    until_page(page, "status.classList.contains('bad')")
    assert page.js("status.textContent").endswith("(decode_failed)")
    assert page.js("at('result').hidden")
    path = tmp_path / "b.wav"
    path.write_bytes(SHORT)
    choose(page, path)
    until_page(page, "!at('result').hidden")
    fill(page, "n_mels", "5000")
    until_page(page, "status.classList.contains('bad')")
    assert page.js("status.textContent") == "n_mels must be <= 1024 here, got 5000 (bad_parameter)"
    page.js("form.reset()")
    until_page(page, "!at('result').hidden")


def test_the_page_can_be_read_out_and_used_by_keys(page: Browser, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(SHORT)
    choose(page, path)
    until_page(page, "!at('result').hidden")
    nodes = page("Accessibility.getFullAXTree")["nodes"]
    named = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes
             if not n["ignored"]]  # fmt: skip
    roles = {role for role, _ in named}
    assert {"banner", "main", "status", "heading", "image", "link", "button", "combobox"} <= roles
    for role, name in named:
        if role in ("image", "region", "heading", "link", "button", "textbox", "combobox",
                    "spinbutton"):  # fmt: skip
            assert name, role
    assert page.js("document.documentElement.lang") == "en"
    page.js("document.activeElement.blur()")
    reached = set()
    for _ in range(40):
        page.press("Tab")
        reached.add(page.js("document.activeElement.id || document.activeElement.name"))
    assert {"file", "preset", "n_mels", "view", "download", "copy"} <= reached


def test_the_page_suits_a_phone_and_the_dark(page: Browser) -> None:
    colours = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page("Emulation.setEmulatedMedia", features=[feature])
        page.js("document.body.style.color = 'CanvasText'")
        colours.append(page.js("getComputedStyle(document.body).color"))
    assert colours[0] != colours[1]
    size = {"height": 700, "deviceScaleFactor": 2, "mobile": True}
    page("Emulation.setDeviceMetricsOverride", width=360, **size)
    assert page.js("document.documentElement.scrollWidth") == 360
    page("Emulation.clearDeviceMetricsOverride")
