"""Jobs in processes: decided here, done there, ended with whoever started them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pcgnn
from pcgnn.errors import ConfigError, DataError, PcgnnError
from pcgnn.training.study_folder import locked
from pcgnn.training.workers import _rebuilt, _serve, run_jobs

PATHS = [str(Path(__file__).parent), str(Path(pcgnn.__file__).parent.parent)]


def square(job: int, ask: Callable[[Any], Any]) -> tuple[int, int, int]:
    """What is asked comes back with one added."""
    if job == -1:
        raise DataError("no root", remedy="give another number")
    if job == -2:
        raise ValueError("something else")
    if job == -3:
        os.kill(os.getpid(), signal.SIGKILL)
    return job * job, ask(job), os.getpid()


def wait_there(job: str, ask: Callable[[Any], Any]) -> None:
    """Writes its process and stays."""
    Path(job).write_text(str(os.getpid()))
    time.sleep(120)


@pytest.mark.parametrize("processes", [1, 2])
def test_every_job_is_done_once_and_its_questions_are_answered(processes: int) -> None:
    queue, results = iter(range(6)), {}
    run_jobs(
        square,
        lambda: next(queue, None),
        lambda job, result: results.__setitem__(job, result),
        processes=processes,
        asked=lambda job, question: (job, question + 1),
    )
    assert {job: result[:2] for job, result in results.items()} == {
        job: (job * job, (job, job + 1)) for job in range(6)
    }
    owners = {result[2] for result in results.values()}
    assert (owners == {os.getpid()}) == (processes == 1)
    assert len(owners) <= processes


@pytest.mark.parametrize(
    ("job", "kind", "message"),
    [
        (-1, DataError, "no root. Remedy: give another number"),
        (-2, RuntimeError, "ValueError in another process: something else"),
    ],
)
def test_what_goes_wrong_there_is_told_here(job: int, kind: type, message: str) -> None:
    """The life of a process, in a thread."""
    ours, theirs = multiprocessing.Pipe()
    thread = threading.Thread(target=_serve, args=(theirs, square))
    thread.start()
    ours.send_bytes(pickle.dumps(job))
    name, content = ours.recv()
    ours.close()
    thread.join(10)
    assert not thread.is_alive()  # nobody is left to give it jobs
    assert name == "error"
    with pytest.raises(kind, match=re.escape(message)):
        raise _rebuilt(*content)


def test_a_process_that_is_killed_is_noticed() -> None:
    queue = iter([-3])
    with pytest.raises(PcgnnError, match="exit code -9"):
        run_jobs(square, lambda: next(queue, None), lambda *_: None, processes=2)


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from test_workers import run_jobs, wait_there\n"
        "if __name__ == '__main__':\n"
        "    queue = iter(sys.argv[1:])\n"
        "    run_jobs(wait_there, lambda: next(queue, None), lambda *_: None, processes=2)\n"
    )
    (tmp_path / "script.py").write_text(script)
    signs = [tmp_path / "a", tmp_path / "b"]
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), *map(str, signs)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
    )
    end = time.monotonic() + 120
    while not all(sign.exists() and sign.read_text() for sign in signs):
        assert parent.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(30)
    for sign in signs:
        while _alive(int(sign.read_text())):
            assert time.monotonic() < end
            time.sleep(0.05)


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_one_process_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "study"),
        pytest.raises(ConfigError, match="another process works"),
        locked(tmp_path / "study", wait=0.1),
    ):
        pass
    with locked(tmp_path / "study"):
        pass


def test_no_processes_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        run_jobs(square, lambda: None, lambda *_: None, processes=0)
