# SPDX-License-Identifier: MIT
"""Workers that crash, hang and fail for real: every job has one outcome, in order."""

from __future__ import annotations

import itertools
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import pool_jobs
from melpix.workers import launch, process
from melpix.workers.batch_pool import Pool
from melpix.workers.cores import available_cores, cpu_quota
from melpix.workers.outcomes import Crashed, Failed, TimedOut
from pool_jobs import Starting, do

Job = tuple[Any, ...]


def outcomes(jobs: Iterable[Job], workers: int = 2, timeout: float | None = None) -> list[Any]:
    with Pool(do, workers=workers, timeout=timeout) as pool:
        found = list(pool.map(jobs))
    assert [index for index, _ in found] == list(range(len(found)))
    return [outcome for _, outcome in found]


def wait_for(folder: Path, files: int) -> None:
    while len(list(folder.iterdir())) < files:
        time.sleep(0.01)


@pytest.mark.parametrize("workers", [1, 3])
def test_outcomes_come_in_the_order_of_the_jobs(workers: int) -> None:
    jobs: list[Job] = [("echo_late", (i * 7 % 10) / 1000, i) for i in range(200)]
    assert outcomes(jobs, workers) == list(range(200))


@pytest.mark.parametrize(("method", "workers"), [("fork", 1), ("fork", 3), ("spawn", 2)])
def test_who_crashes_or_hangs_is_named_and_nobody_else(
    method: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "METHOD", method)
    culprits: dict[int, tuple[Job, object]] = {
        0: (("segfault",), Crashed(-signal.SIGSEGV)),
        60: (("exit", 3), Crashed(3)),
        61: (("kill", signal.SIGKILL), Crashed(-signal.SIGKILL)),
        120: (("sleep", 1e6), TimedOut(0.5)),
        150: (("kill", signal.SIGSTOP), TimedOut(0.5)),
        199: (("exit", 0), Crashed(0)),
    }
    jobs = [culprits[i][0] if i in culprits else ("echo", i) for i in range(200)]
    expected = [culprits[i][1] if i in culprits else i for i in range(200)]
    assert outcomes(jobs, workers, timeout=0.5) == expected


def test_whoever_prepares_for_a_job_that_crashes_or_hangs_is_not_blamed() -> None:
    culprits: dict[int, tuple[Job, object]] = {
        60: (("segfault",), Crashed(-signal.SIGSEGV)),
        90: (("sleep", 1e6), TimedOut(0.2)),
    }
    jobs = [culprits[i][0] if i in culprits else ("echo", i) for i in range(120)]
    with Pool(pool_jobs.Preparing(), workers=2, timeout=0.2) as pool:
        found = [outcome for _, outcome in pool.map(jobs)]
    assert found == [culprits[i][1] if i in culprits else i for i in range(120)]


def test_what_is_raised_in_preparing_shows_in_its_turn() -> None:
    jobs = [("echo", i) for i in range(50)] + [("raise", SystemExit(3)), ("echo", 51)]
    with Pool(pool_jobs.Preparing(), workers=1) as pool:
        found = [outcome for _, outcome in pool.map(jobs)]
    assert (found[:50], str(found[50]), found[51]) == (list(range(50)), "SystemExit: 3", 51)


def test_what_is_prepared_for_is_not_prepared_for_again() -> None:
    with Pool(pool_jobs.Counting(), workers=1) as pool:
        found = [outcome for _, outcome in pool.map(range(200))]
    # As batches come they may end in a single job, which nothing is prepared for.
    places = [place for place, _ in found if place >= 0]
    assert places.count(1) > 20
    for (place, count), (following, _) in itertools.pairwise(found):
        assert following == (place + 1 if 0 <= place < count - 1 else 0) or following == -1


def test_an_exception_is_an_outcome() -> None:
    raised: list[BaseException] = [
        ValueError("bad"),
        MemoryError(),
        SystemExit(3),
        KeyboardInterrupt(),
        Exception("\ud800"),
    ]
    found = outcomes(
        [("raise", error) for error in raised]
        + [
            ("mute",),
            ("bytes", 1 << 60),
            ("unpicklable",),
            ("unloadable",),
            ("nonsense",),
            ("echo", 1),
        ]
    )
    assert found.pop() == 1
    assert all(isinstance(outcome, Failed) for outcome in found)
    assert [str(outcome) for outcome in found[:5]] == [
        "ValueError: bad", "MemoryError", "SystemExit: 3", "KeyboardInterrupt", "Exception: \ud800",
    ]  # fmt: skip
    assert "in raise_" in found[0].traceback
    for i, word in enumerate(("Mute", "MemoryError", "lambda", "ImportError: gone", "'nonsense'")):
        assert word in found[5 + i].error


def test_outcomes_in_words() -> None:
    assert str(Crashed(-signal.SIGSEGV)) == "killed by SIGSEGV"
    assert str(Crashed(3)) == "exit code 3"
    assert str(TimedOut(60)) == "not done after 60 s"


def test_a_victim_of_the_job_before_is_not_blamed() -> None:
    jobs: list[Job] = [("echo", 0), ("poison",), *[("echo", i) for i in range(2, 20)]]
    assert outcomes(jobs, workers=1) == [0, None, *range(2, 20)]


def test_workers_that_die_by_and_by_get_it_all_done() -> None:
    found = outcomes([("bomb", 0.02), *[("echo_late", 0.01, i) for i in range(20)]] * 3)
    assert found == [None, *range(20)] * 3


def test_workers_that_do_not_report_are_replaced() -> None:
    jobs: list[Job] = [("echo", 0), ("close",), ("echo", 2), ("babble",), ("echo", 4)]
    found = outcomes(jobs)
    assert found[::2] == [0, 2, 4]
    assert isinstance(found[1], Crashed)  # with an exit code of its own choice
    assert found[3] == Crashed(-signal.SIGKILL)


def test_large_jobs_and_outcomes() -> None:
    large = b"x" * 1_000_000
    assert outcomes([("echo", large)] * 40) == [large] * 40
    assert [len(y) for y in outcomes([("bytes", 50_000_000), ("bytes", 1)])] == [50_000_000, 1]


def test_no_more_is_done_ahead_than_memory_allows() -> None:
    taken = itertools.count()
    jobs: list[Job] = [("echo_late", 1.0, b""), *[("bytes", 1 << 20)] * 150]
    with Pool(do, workers=2) as pool:
        found = pool.map(job for job in jobs if next(taken) >= 0)
        assert next(found) == (0, b"")
        assert next(taken) < 80  # 32 MB, and what was under way
        assert sum(len(outcome) for _, outcome in found) == 150 << 20


def test_jobs_are_taken_as_needed() -> None:
    taken = itertools.count()
    with Pool(do, workers=2) as pool:
        for index, outcome in pool.map(("bytes", 1 << 20) for _ in taken):
            assert len(outcome) == 1 << 20
            if index == 100:
                break
    assert next(taken) <= 100 + 32 + 2 * 64 + 2


def test_workers_have_something_to_do_while_outcomes_are_taken() -> None:
    with Pool(do, workers=1) as pool:
        idle = [
            index
            for index, _ in pool.map(("echo", i) for i in range(2000))
            if index < 1000 and not any(worker.jobs for worker in pool._crew.workers)
        ]
    assert len(idle) < 10  # the first ones, which come one by one


def test_a_slow_list_of_jobs_keeps_no_outcome_back() -> None:
    waiting = []

    def jobs() -> Iterator[Job]:
        for i in range(30):
            waiting.append(i)
            if i >= 10:
                time.sleep(0.02)
            yield ("echo", i)

    with Pool(do, workers=1) as pool:
        late = [len(waiting) - index for index, _ in pool.map(jobs())]
    assert max(late[15:]) < 6


def test_jobs_that_raise() -> None:
    def jobs() -> Iterator[Job]:
        yield ("echo", 0)
        yield ("echo", 1)
        raise OSError("the list is broken")

    with Pool(do, workers=2) as pool:
        found = pool.map(jobs())
        assert [next(found), next(found)] == [(0, 0), (1, 1)]
        with pytest.raises(OSError, match="the list is broken"):
            next(found)


def test_a_pool_serves_again_until_it_is_closed() -> None:
    with Pool(do, workers=2) as pool:
        assert list(pool.map([])) == []
        assert list(pool.map([("echo", 1)])) == [(0, 1)]
        under_way = pool.map([("exit", 1), ("echo", 2)])
        assert next(under_way) == (0, Crashed(1))
        with pytest.raises(ValueError, match="at another map"):
            next(pool.map([("echo", 3)]))
        assert list(under_way) == [(1, 2)]
    with pytest.raises(ValueError, match="closed"):
        next(pool.map([("echo", 1)]))


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (("raise", ImportError("no codec")), "workers cannot start: ImportError: no codec"),
        (("exit", 7), "workers cannot start: one ended in its start: exit code 7"),
    ],
)
def test_workers_that_cannot_start(job: Job, message: str) -> None:
    with Pool(Starting(job), workers=2) as pool, pytest.raises(RuntimeError, match=message):
        next(pool.map(range(10)))


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    def leave(pool: Pool[Job, object]) -> None:
        jobs: list[Job] = [("leave_traces", str(tmp_path), seconds) for seconds in (0.3, 1e6)]
        with pool:
            for _ in pool.map([("echo", 0), *jobs, *[("sleep", 1e6)] * 20]):
                wait_for(tmp_path, 2)
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leave(Pool(do, workers=2))
    # What was nearly done was let finish, the other was killed.
    assert sorted(trace.read_text() for trace in tmp_path.iterdir()) == ["", "done"]
    assert not any(psutil.pid_exists(int(trace.name)) for trace in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers must be >= 1, got 0"),
        ({"timeout": 0}, "timeout must be > 0, got 0"),
        ({"timeout": float("nan")}, "timeout must be > 0, got nan"),
    ],
)
def test_parameters(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Pool(do, **options)
    assert str(caught.value) == message


def test_what_workers_inherit() -> None:
    before = dict(os.environ)
    kept = "MALLOC_TRIM_THRESHOLD_"
    assert outcomes([("environ", kept)]) == [process.KEPT[kept]]
    found = outcomes([("environ", "OMP_NUM_THREADS"), ("handler", 2), ("handler", 15)])
    assert found == ["1", signal.SIG_IGN, signal.SIG_IGN]
    assert dict(os.environ) == before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(os.name != "posix", reason="workers are no copies here")
def test_what_workers_are_copied_from_starts_early_and_inherits_the_same() -> None:
    code = """
import os, psutil, time
from melpix.workers.launch import prepare
before = dict(os.environ)
prepare()
assert dict(os.environ) == before
end, servers = time.monotonic() + 30, []
while not servers and time.monotonic() < end:  # a child is forked before it is another program
    servers = [c for c in psutil.Process().children() if "fork_server" in str(c.cmdline())]
print([server.environ()["OMP_NUM_THREADS"] for server in servers])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("['1']\n", "")


class Program:
    """`pool_jobs.main` in a session of its own, and all processes that come of it."""

    def __init__(self, jobs: str, timeout: float | None = None) -> None:
        code = f"import pool_jobs; pool_jobs.main({jobs}, {timeout})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.path.dirname(pool_jobs.__file__)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "started\n"

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> tuple[int, str, str]:
        stdout, stderr = self.process.communicate(timeout=30)
        return self.process.returncode, stdout, stderr


def is_alive(member: psutil.Process) -> bool:
    try:
        return member.status() != psutil.STATUS_ZOMBIE  # the system's first process may be slow
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_worker_outlives_the_program(tmp_path: Path, signum: signal.Signals) -> None:
    program = Program(f"[('leave_traces', {str(tmp_path)!r}, 1e6)] * 10")
    wait_for(tmp_path, 2)
    family = program.family()
    assert len(family) == 3  # two workers, and what they are forked from
    program.process.send_signal(signum)
    code, _, stderr = program.end()
    assert (code, stderr) == (-9 if signum == signal.SIGKILL else 128 + signum, "")
    while any(is_alive(member) for member in family):
        time.sleep(0.01)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.2])
def test_ctrl_c_at_any_moment_is_quiet(delay: float) -> None:
    program = Program("[('echo_late', 0.01, i) for i in range(10_000)]")
    time.sleep(delay)
    os.killpg(program.process.pid, signal.SIGINT)
    code, _, stderr = program.end()
    assert (code, stderr) == (130, "")


def test_nobody_is_late_because_of_ctrl_z(tmp_path: Path) -> None:
    jobs = [("leave_traces", str(tmp_path), 0.5), ("echo", 1), ("sleep", 1e6)]
    program = Program(repr(jobs), timeout=0.8)
    wait_for(tmp_path, 1)
    os.killpg(program.process.pid, signal.SIGSTOP)
    time.sleep(1.0)
    os.killpg(program.process.pid, signal.SIGCONT)
    code, stdout, stderr = program.end()
    assert (code, stderr) == (0, "")
    assert stdout == "0 None\n1 1\n2 not done after 0.8 s\n"


V1 = "32 31 0:29 {root} {top} rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
V2 = "31 23 0:28 {root} {top} rw - cgroup2 cgroup2 rw\n"
QUOTA, PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("line", "root", "groups", "files", "cores"),
    [
        (V2, "/", "0::/", {}, math.inf),
        (V2, "/", "0::/", {"cpu.max": "max 100000"}, math.inf),
        (V2, "/", "0::/", {"cpu.max": "150000 100000"}, 1.5),
        (V2, "/", "0::/", {"cpu.max": "gibberish"}, math.inf),
        (V2, "/", "0::/a/b", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 0.5),
        (V2, "/", "0::/../else", {"cpu.max": "300000 100000"}, 3),
        (V1, "/", "4:memory:/x\n3:cpu,cpuacct:/a", {f"a/{QUOTA}": "50", f"a/{PERIOD}": "20"}, 2.5),
        (V1, "/", "3:cpu,cpuacct:/", {QUOTA: "-1", PERIOD: "20"}, math.inf),
        (V1, "/docker/1", "3:cpu,cpuacct:/docker/1", {QUOTA: "40", PERIOD: "20"}, 2),
        (V1, "/docker/1", "3:cpu,cpuacct:/else:where", {QUOTA: "40", PERIOD: "20"}, 2),
        (V1, "/", "0::/", {QUOTA: "40", PERIOD: "20"}, math.inf),
    ],
)
def test_quotas_of_control_groups(
    tmp_path: Path, line: str, root: str, groups: str, files: dict[str, str], cores: float
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    # (A disk may have a name that is no text, or has what a text would be split at.)
    disks = b"24 1 8:1 / / rw - ext4 /dev/root rw\n"
    disks += b"25 24 8:2 / /m/\xff\x85\xc2\x85\x1c\x0b rw - vfat //host/\xe9 rw\n"
    mounts = disks + line.format(root=root, top=tmp_path).encode()
    assert cpu_quota(mounts, groups.encode() + b"\n") == cores


def test_cores_that_may_be_used() -> None:
    code = (
        "import os; from melpix.workers.cores import available_cores\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(available_cores())"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1\n"
    assert 1 <= available_cores() <= len(os.sched_getaffinity(0))
