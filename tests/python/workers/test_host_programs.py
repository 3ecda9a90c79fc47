# SPDX-License-Identifier: MIT
# melpix as a guest: what its host does with threads, forks, its environment and its end.
import io
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import melpix
from melpix.workers.process import overhear
from sounds import chirp, encode

HANGS = 60.0  # seconds in which a process that does not hang has ended

WORK = """
import io, sys, threading
import numpy as np
import melpix, soundfile
from melpix import demo

y = np.random.default_rng(0).uniform(-1, 1, 400_000).astype(np.float32)
small = melpix.Frontend(range=(-20, 5), precision="double")
front_end = melpix.Frontend(range=(-20, 5))
stream, again = front_end.stream("image"), front_end.stream("features")
wav, image, pcm = demo.wav(), front_end.image(y), (y * 32767).astype(np.int16)
png = front_end.png(y)
sound = io.BytesIO()
soundfile.write(sound, y, 44100, format="FLAC")
flac = sound.getvalue()
shared = front_end.stream("mel")
work = [
    lambda: front_end.image(y),
    lambda: front_end.features(y),
    lambda: front_end.images([y, y], threads=2),
    lambda: front_end.mel(y),
    lambda: front_end.profile(y),
    lambda: stream.push(y),
    lambda: again.push(pcm),
    lambda: shared.push(y),
    lambda: shared.push(y),
    lambda: melpix.Frontend(n_fft=8192, n_mels=99),
    lambda: melpix.mel_filterbank(sr=22050, n_fft=8192),
    lambda: melpix.melspectrogram(y=y),
    lambda: melpix.convert_bytes(wav, small),
    lambda: melpix.load(wav),
    lambda: melpix.load(wav, sr=16000),
    lambda: melpix.convert_bytes(flac, small, sr=16000, duration=2),
    lambda: melpix.write_png(io.BytesIO(), image),
    lambda: melpix.read_png(png),
]
began = threading.Barrier(len(work) + 1)

def at_it(job):
    job()
    began.wait()
    while True:
        job()

for job in work:
    threading.Thread(target=at_it, args=[job], daemon=True).start()
began.wait()
"""


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [
        ("", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("raise SystemExit('over')", 1, "over\n"),
        ("import atexit; atexit.register(lambda: front_end.image(y))", 0, ""),
    ],
)
def test_a_program_may_end_while_its_threads_are_at_work(end: str, code: int, says: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WORK + end], capture_output=True, text=True, timeout=HANGS
    )
    assert (run.returncode, run.stderr, run.stdout) == (code, says, "")


# Ends when a thread begins to resample behind the end's wait for those that did, or has not.
LATE = """
import atexit, threading

begun = threading.Event()
atexit.register(lambda: (begun.clear(), begun.wait(0.2)))  # exit handlers run in reverse order

import io
import numpy as np
import melpix, soundfile

sound = io.BytesIO()
soundfile.write(sound, np.random.default_rng(0).uniform(-1, 1, 400_000), 44100, format="WAV")
wav = sound.getvalue()

def watch(frame, event, argument):
    if event == "call" and frame.f_globals.get("__name__") == "soxr":
        begun.set()

def resample():
    while True:
        melpix.load(wav, sr=16000)

threading.setprofile(watch)
for _ in range(3):
    threading.Thread(target=resample, daemon=True).start()
begun.wait()
"""


@pytest.mark.timing
def test_no_thread_begins_to_resample_while_the_program_ends() -> None:
    for _ in range(6):  # of two threads that wait, the right one has to be first
        run = subprocess.run(
            [sys.executable, "-c", LATE], capture_output=True, text=True, timeout=HANGS
        )
        assert (run.returncode, run.stderr) == (0, "")


class Slow(io.BytesIO):
    """A file that its reader waits for."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked, self.go = threading.Event(), threading.Event()

    def seek(self, *to: Any) -> int:
        self.asked.set()
        self.go.wait()
        return super().seek(*to)


needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
)


def forked(work: Callable[[], object]) -> int | None:
    """Return the exit code of a child that does this; None if it hangs."""
    process = multiprocessing.get_context("fork").Process(target=work)  # type: ignore[attr-defined]
    process.start()
    process.join(HANGS)
    code: int | None = process.exitcode
    process.kill()
    process.join()
    return code


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_decodes_what_a_thread_was_opening_in_the_parent(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(encode("FLAC", chirp(8000), 44100))
    slow = Slow(path.read_bytes())
    thread = threading.Thread(target=lambda: soundfile.SoundFile(slow).close())
    thread.start()
    assert slow.asked.wait(HANGS)
    try:
        assert forked(lambda: melpix.load(path)) == 0
    finally:
        slow.go.set()
        thread.join()
    assert len(melpix.load(path)[0]) > 0


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_has_workers_of_its_own_beside_its_parents(tmp_path: Path) -> None:
    sound = tmp_path / "a.flac"
    sound.write_bytes(encode("FLAC", chirp(8000), 44100))
    melpix.convert_dataset([sound], tmp_path / "parent", workers=1)
    assert forked(lambda: melpix.convert_dataset([sound], tmp_path / "child", workers=1)) == 0
    assert (tmp_path / "child" / "a.png").is_file()
    melpix.convert_dataset([sound], tmp_path / "again", workers=1)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_is_refused_a_stream_that_was_at_work() -> None:
    stream = melpix.Frontend(range=(-20, 5)).stream("image")
    # Long enough to be at work still when a large process has been forked.
    y, stop = np.zeros(30_000_000, np.float32), threading.Event()

    def push() -> None:
        while not stop.is_set():
            stream.push(y)

    def child() -> None:
        for call in (lambda: stream.push(y), stream.reset, lambda: stream.samples):
            try:
                call()
            except RuntimeError as error:
                os._exit(7 if "open another one in the child" in str(error) else 1)
        own = stream.frontend.stream("image")
        assert own.push(y[:100_000]).shape[1] > 0

    thread = threading.Thread(target=push)
    thread.start()
    try:
        ends = [forked(child)]
        while ends[-1] == 0 and len(ends) < 50:  # between two calls it can be used
            ends.append(forked(child))
    finally:
        stop.set()
        thread.join()
    assert ends[-1] == 7
    stream.push(y)  # here it goes on


WRITER = """
import sys
import melpix
from melpix import demo

def wait(event, arguments):
    if event == "os.rename":  # all is written, and has its temporary name still
        sys.stdout.write("written\\n")
        sys.stdout.flush()
        sys.stdin.readline()

sys.addaudithook(wait)
melpix.convert_file(demo.wav(), sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="between two system calls it can be removed")
@pytest.mark.parametrize("folder", [".", "a", "new"])
def test_a_run_leaves_what_another_process_is_writing_and_removes_what_a_dead_one_left(
    tmp_path: Path, folder: str
) -> None:
    sound, out = tmp_path / "a" / "x.flac", tmp_path / "out"
    sound.parent.mkdir()
    sound.write_bytes(encode("FLAC", chirp(8000), 44100))
    melpix.convert_dataset(tmp_path, out, workers=1)
    target = out / folder / "of another.png"
    target.parent.mkdir(exist_ok=True)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
    assert len(list(target.parent.glob(".melpix-*.tmp"))) == 2
    writers[1].kill()
    writers[1].communicate()
    melpix.convert_dataset(tmp_path, out, workers=1)
    assert len(list(target.parent.glob(".melpix-*.tmp"))) == 1
    writers[0].communicate("go on\n")
    assert writers[0].returncode == 0
    assert melpix.read_png(target)[0].shape[0] == 128
    assert list(out.rglob(".melpix-*.tmp")) == []


# Stands before the C library's: a front-end that asks for its instruction set while another thread
# may be writing os.environ ends the process.
GETENV = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

char* getenv(const char* name) {
  static char* (*next)(const char*);
  static int (*held)(void);
  if (next == NULL) next = (char* (*)(const char*))dlsym(RTLD_NEXT, "getenv");
  if (strcmp(name, "MELPIX_ISA") == 0) {
    if (held == NULL) held = (int (*)(void))dlsym(RTLD_DEFAULT, "PyGILState_Check");
    if (held == NULL || !held()) abort();
  }
  return next(name);
}
"""

ASKS = """
import numpy as np, melpix
y = np.random.default_rng(0).uniform(-1, 1, 4000).astype(np.float32)
f = melpix.Frontend(stack=[{"fmin": 100}])
f.image(y), f.features(y), melpix.melspectrogram(y=y), melpix.mel_filterbank(sr=8000, n_fft=512)
melpix.Frontend(range=(-20, 5)).stream("image").push(y)
print(melpix.show_config())
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs cc, ELF")
def test_the_environment_is_read_while_nobody_writes_it(tmp_path: Path) -> None:
    source, library = tmp_path / "getenv.c", tmp_path / "getenv.so"
    source.write_text(GETENV)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library), "MELPIX_ISA": "generic"}
    run = subprocess.run([sys.executable, "-c", ASKS], env=environment, timeout=HANGS)
    assert run.returncode == 0


@pytest.mark.skipif(not hasattr(os, "set_blocking"), reason="nothing is heard there")
def test_what_decoders_print_takes_no_more_than_a_pipe_holds() -> None:
    heard: list[str] = []
    talk = "import os\nfor i in range(100): os.write(2, b'%d\\n' % i + b'x' * 100_000 + b'\\n')"
    with overhear(heard):
        before = os.fstat(2)
        subprocess.run([sys.executable, "-c", talk], check=False)
        after = os.fstat(2)
    assert heard[0] == "0"
    assert len(heard[1]) < 20_000
    assert after.st_size == before.st_size == 0
    with overhear(heard):
        os.write(2, b"again\n")
    assert heard[-1] == "again"


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
@pytest.mark.parametrize("files", [6, 10])  # for their parent, and for them
def test_workers_that_cannot_start_are_not_standard_outputs_fault(
    tmp_path: Path, files: int
) -> None:
    import resource

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    (tmp_path / "a.flac").write_bytes(encode("FLAC", chirp(8000), 44100))
    run = subprocess.run(
        [sys.executable, "-m", "melpix", "convert", tmp_path, "-o", tmp_path / "out"],
        capture_output=True,
        text=True,
        preexec_fn=few,
        timeout=HANGS,
    )
    assert run.returncode == 3, run.stderr
    assert run.stderr == "melpix: error: workers cannot start: Too many open files\n"
