# SPDX-License-Identifier: MIT
"""How worker processes start and end, whatever happens to them and to what they come from."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import pool_jobs
from melpix.workers import crew, forked, launch
from melpix.workers.batch_pool import Pool
from melpix.workers.outcomes import Crashed, TimedOut
from melpix.workers.request_pool import Pool as RequestPool
from melpix.workers.request_pool import UnavailableError
from pool_jobs import Starting, Trapped, do

HANGS = 60.0  # seconds in which a program that does not hang has ended

needs_fork = pytest.mark.skipif(launch.METHOD != "fork", reason="workers are no copies here")


@pytest.fixture
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How workers start; on Windows there is one way."""
    if request.param == "fork" and launch.METHOD != "fork":
        pytest.skip("workers are no copies here")
    monkeypatch.setattr(launch, "METHOD", request.param)
    return str(request.param)


def server() -> psutil.Process:
    """The process that workers are forked from."""
    assert forked._server is not None
    return psutil.Process(forked._server.process.pid)


def is_alive(member: psutil.Process) -> bool:
    try:
        return member.status() != psutil.STATUS_ZOMBIE  # the system's first process may be slow
    except psutil.NoSuchProcess:
        return False


def wait_for_the_end(family: list[psutil.Process]) -> None:
    psutil.wait_procs(family, HANGS)
    assert not any(map(is_alive, family))


# --- starts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "verb"),
    [("fork", "sleep"), ("fork", "kill"), ("spawn", "kill")],
    indirect=["method"],
)
@pytest.mark.timing
def test_a_worker_that_hangs_or_ends_in_its_start_is_replaced(
    method: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    jobs: list[Any] = [("echo", i) for i in range(20)]
    # Not only the first start fails, but also those of replacements: of a worker that this job
    # ends, and of the one that tries it again.
    jobs[10] = ("set_trap", str(trap), verb)
    trap.write_text(verb)
    with Pool(do, workers=1) as pool:
        assert list(pool.map([("echo", 0)])) == [(0, 0)]  # what workers are copied from is there
    if verb == "sleep":
        monkeypatch.setattr(crew, "START", 2.0)
    with Pool(Trapped(str(trap)), workers=1) as pool:  # type: ignore[arg-type]
        found = [outcome for _, outcome in pool.map(jobs)]
    assert found == [*range(10), Crashed(9), *range(11, 20)]


@pytest.mark.parametrize("method", ["fork", "spawn"], indirect=True)
def test_when_no_worker_can_start_the_reason_is_told(method: str) -> None:
    reasons = {
        ("kill", signal.SIGKILL): "one ended in its start: killed by SIGKILL",
        ("raise", ImportError("no codec")): "ImportError: no codec",
    }
    for job, reason in reasons.items():
        with Pool(Starting(job), workers=2) as pool, pytest.raises(RuntimeError) as caught:
            next(pool.map(range(10)))
        assert str(caught.value) == f"workers cannot start: {reason}"


def test_a_program_without_an_interpreter_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "METHOD", "spawn")  # a server may be there already
    for name, value in (("executable", ""), ("frozen", True)):
        with monkeypatch.context() as patched:
            patched.delitem(sys.modules, "multiprocessing.spawn", raising=False)
            patched.setattr(sys, name, value, raising=False)
            with Pool(do, workers=1) as pool, pytest.raises(RuntimeError) as caught:
                next(pool.map([("echo", 1)]))
            assert "set_executable" in str(caught.value)


@needs_fork
@pytest.mark.timing
def test_a_server_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool(do, workers=1) as pool:
        list(pool.map([("echo", 1)]))
    stopped = server()
    stopped.suspend()
    monkeypatch.setattr(crew, "START", 6.0)
    with Pool(do, workers=2) as pool:
        assert list(pool.map([("echo", i) for i in range(9)])) == [(i, i) for i in range(9)]
    assert not is_alive(stopped)


@needs_fork
@pytest.mark.timing
def test_the_end_of_the_server_costs_no_job_but_the_one_that_ends_it() -> None:
    with Pool(do, workers=2) as pool:
        found = pool.map([("echo_late", 0.001, i) for i in range(600)])
        assert next(found) == (0, 0)
        first = server()
        first.kill()
        assert [outcome for _, outcome in found] == list(range(1, 600))
        assert server() != first
        jobs: list[Any] = [("echo", 0), ("kill_server",), *[("echo", i) for i in range(2, 9)]]
        got = [outcome for _, outcome in pool.map(jobs)]
    assert got == [0, Crashed(None), *range(2, 9)]
    assert str(got[1]) == "how it ended is not known"


# --- scheduling -----------------------------------------------------------------------------------


def test_one_slow_job_keeps_nobody_from_work(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    jobs: list[Any] = [("wait_for", mark), *[("echo", i) for i in range(5000)], ("touch", mark)]
    with Pool(do, workers=2) as pool:  # which would wait for ever if it stopped at some number
        assert [outcome for _, outcome in pool.map(jobs)] == [None, *range(5000), None]


def test_a_worker_is_as_the_program_is_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("MELPIX_TEST_NAME", name)
        with Pool(do, workers=1) as pool:
            found = list(pool.map([("folder",), ("environ", "MELPIX_TEST_NAME")]))
        assert found == [(0, str(tmp_path / name)), (1, name)]


@needs_fork
def test_pools_leave_nothing_behind() -> None:
    me = psutil.Process()

    def use() -> None:
        with Pool(do, workers=1) as pool:
            assert list(pool.map([("echo", 1)])) == [(0, 1)]

    def held() -> tuple[int, ...]:
        psutil.wait_procs(server().children(), HANGS)  # it lets go of what they had then
        return me.num_fds(), len(me.children(recursive=True)), server().num_fds()

    use()
    before = held()
    for _ in range(100):
        use()
    for now, then in zip(held(), before, strict=True):
        assert now <= then + 3  # what the last one had may take a moment


CAREFUL = """
import ctypes, os, signal, sys
if sys.platform == "linux":  # as a script's name is, with a first line that names Python
    ctypes.CDLL(None).prctl(15, "gr\u00f6\u00dfe".encode("latin-1"), 0, 0, 0)
from melpix.workers.batch_pool import Pool
from pool_jobs import do

def outcomes(*jobs):
    with Pool(do, workers=1) as pool:
        return [str(outcome) for _, outcome in pool.map(jobs)]

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
print(outcomes(("exit", 3), ("exit", 4)))
os.umask(0o27)
if os.getuid() == 0:
    os.setgid(65534)
print(outcomes(("rights",)))
"""


@needs_fork
def test_workers_have_the_rights_that_the_program_has_by_now() -> None:
    group = 65534 if os.getuid() == 0 else os.getgid()
    assert told("-c", CAREFUL, folder=Path(pool_jobs.__file__).parent) == (
        f"['exit code 3', 'exit code 4']\n['{group} 0o27']\n"
    )


# --- programs of every kind -----------------------------------------------------------------------

USE = """
from melpix.workers.batch_pool import Pool
with Pool(len, workers=2) as pool:
    print(list(pool.map(["one", "three", 3]))[:2], flush=True)
"""

TELLS = "[(0, 3), (1, 5)]\n"

IN_THREADS = (
    """
import threading
stop = threading.Event()
threads = [threading.Thread(target=stop.wait) for _ in range(20)]
for thread in threads:
    thread.start()
"""
    + USE
    + "stop.set()\n"
)

IN_A_FORK = (
    USE
    + """
import os
child = os.fork()
if child == 0:
    exec(USE)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
exec(USE)
"""
)

IN_A_PROCESS = """
import multiprocessing, sys
def use():
    exec(USE)
if __name__ == "__main__":
    use()
    process = multiprocessing.get_context(METHOD).Process(target=use, daemon=True)
    process.start()
    process.join()
    use()
    sys.exit(process.exitcode)
"""


def told(*command: str, code: str | None = None, folder: Path | None = None) -> str:
    """Return what a program says, which has to end well and without a warning."""
    run = subprocess.run(
        [sys.executable, "-W", "error", *command],
        input=code,
        capture_output=True,
        text=True,
        timeout=HANGS,
        cwd=folder,
    )
    assert (run.returncode, run.stderr.replace(">>> ", "").replace("... ", "").strip()) == (0, "")
    return run.stdout


def test_programs_of_every_kind_have_workers(tmp_path: Path) -> None:
    def script(code: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(code)
        return str(path)

    assert told("-c", USE) == TELLS
    assert told("-", code=USE) == TELLS
    assert told(script(USE)) == TELLS  # without a guard
    assert told("-q", "-i", code=USE + "\n") == TELLS
    assert told("-m", "script", folder=tmp_path) == TELLS
    assert told(script(IN_THREADS)) == TELLS


@needs_fork
@pytest.mark.parametrize("start", ["os.fork", "fork", "forkserver", "spawn"])
def test_programs_with_processes_of_their_own_have_workers(tmp_path: Path, start: str) -> None:
    code = IN_A_FORK if start == "os.fork" else f"METHOD = {start!r}\n" + IN_A_PROCESS
    path = tmp_path / "script.py"
    path.write_text(f"USE = {USE!r}\n{code}")
    assert told(str(path)) == TELLS * 3


def test_a_function_of_the_main_module_is_told_to_move() -> None:
    code = """if True:
        from melpix.workers.batch_pool import Pool
        def double(x): return 2 * x
        try:
            with Pool(double) as pool: next(pool.map([1]))
        except RuntimeError as error:
            print(error)
    """
    assert told("-c", code) == (
        "workers cannot start: AttributeError: double is of the program's main module, which "
        "workers do not import: put it into a module of its own\n"
    )


HOST = """
import multiprocessing, os, signal, sys, time
from melpix.workers.batch_pool import Pool

def look(queue):
    before = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    names = "OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"
    try:
        queue.put((before, *map(os.environ.get, names)))
        time.sleep(60)
    except KeyboardInterrupt:
        sys.exit(7)

if __name__ == "__main__":
    with Pool(len, workers=1) as pool:
        list(pool.map(["one"]))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        process = context.Process(target=look, args=[queue])
        process.start()
        print(*queue.get())
        os.kill(process.pid, signal.SIGINT)
        process.join()
        print(process.exitcode)
    with Pool(len, workers=1) as pool:
        list(pool.map(["one"]))
"""


@needs_fork
def test_a_programs_own_workers_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "host.py"
    path.write_text(HOST)
    names = ("OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    run = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, env=environment, timeout=HANGS
    )
    assert (run.stdout, run.stderr) == ("True None None\n7\n" * 3, "")


# --- ends -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def program(code: str) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A program that says when it is at work, and all processes below it."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.path.dirname(pool_jobs.__file__)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        family = psutil.Process(process.pid).children(recursive=True)
        try:
            yield process, family
        finally:
            process.kill()
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()


AT_WORK = """
    import os, sys, time
    from melpix.workers import launch
    launch.METHOD = {method!r}
    from melpix.workers.batch_pool import Pool
    from pool_jobs import do
    with Pool(do, workers=2) as pool:
        for index, _ in pool.map([("echo", 0), ("echo", 1), *[{job}] * 2]):
            if index == 1:
                {then}
                print("at work", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.timing
def test_workers_end_with_a_program_that_is_killed(method: str) -> None:
    """Though a child that it has forked lives on."""
    fork = "(os.fork() or time.sleep(1e6))"
    with program(AT_WORK.format(method=method, job='("sleep", 1e6)', then=fork)) as (host, family):
        workers = [p for p in family if "import main" in " ".join(p.cmdline())]
        assert len(workers) == 2 + (method == "fork")
        host.kill()
        wait_for_the_end(workers)
        (other,) = set(family) - set(workers)
        assert is_alive(other)


@needs_fork
@pytest.mark.skipif(sys.platform != "linux", reason="one that is stopped hears of nothing")
@pytest.mark.parametrize("victim", ["host", "server"])
@pytest.mark.timing
def test_workers_that_are_stopped_end_as_well(victim: str) -> None:
    code = AT_WORK.format(method="fork", job='("kill", 19)', then="pass")
    with program(code) as (host, _):
        (of_all,) = psutil.Process(host.pid).children()
        workers = of_all.children()
        while [w.status() for w in workers] != [psutil.STATUS_STOPPED] * 2:
            pass
        (host if victim == "host" else of_all).kill()
        wait_for_the_end(workers)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_pool_is_of_one_process() -> None:
    with Pool(do, workers=1) as pool:
        found = pool.map([("echo", i) for i in range(9)])
        assert next(found) == (0, 0)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                pool.close()
                next(pool.map([("echo", 1)]))
            except ValueError as error:
                code = 0 if "forked from" in str(error) else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert list(found) == [(i, i) for i in range(1, 9)]


# --- requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fork", "spawn"], indirect=True)
def test_requests_go_by_the_same_rules(method: str) -> None:
    async def ask() -> list[Any]:
        pool = RequestPool(pool_jobs.answer, workers=2, timeout=1.0)
        await pool.open()
        jobs: list[Any] = [("echo", i) for i in range(40)]
        jobs[7], jobs[20], jobs[30] = ("exit", 3), ("sleep", 1e6), ("kill", signal.SIGSTOP)
        answers = await asyncio.gather(*(pool.submit(b"h", pickle.dumps(job)) for job in jobs))
        assert pool.restarts >= 3
        under_way = pool.submit(b"h", pickle.dumps(("sleep", 1e6)))
        await pool.close()
        with pytest.raises(UnavailableError):
            await under_way
        return [pickle.loads(a[1]) if isinstance(a, tuple) else a for a in answers]

    found = asyncio.run(ask())
    ends = {7: Crashed(3), 20: TimedOut(1.0), 30: TimedOut(1.0)}
    assert found == [ends.get(i, i) for i in range(40)]


@needs_fork
def test_a_request_that_no_worker_can_take_in_is_blamed() -> None:
    async def ask() -> list[Any]:
        pool = RequestPool(pool_jobs.answer, workers=1, timeout=HANGS, memory=64 << 20)
        await pool.open()
        large = pickle.dumps(("echo", bytes(100 << 20)))
        answers = [
            await pool.submit(b"h", large),
            await pool.submit(b"h", pickle.dumps(("echo", 1))),
        ]
        await pool.close()
        return answers

    blamed, answered = asyncio.run(ask())
    assert isinstance(blamed, Crashed)
    assert pickle.loads(answered[1]) == 1


@needs_fork
def test_a_request_pool_says_why_it_cannot_open(tmp_path: Path) -> None:
    async def open_(function: Any) -> None:
        pool = RequestPool(function, workers=2, timeout=1.0)
        await pool.open()
        await pool.close()

    with pytest.raises(RuntimeError, match=r"workers cannot start: .*exit code 7"):
        asyncio.run(open_(Starting(("exit", 7))))
    trap = tmp_path / "trap"
    trap.write_text("kill")
    asyncio.run(open_(Trapped(str(trap))))  # the first one is killed, as if memory were short
    assert not trap.exists()
