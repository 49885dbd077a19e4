"""Jobs in processes of their own, one thread each; they end with the process that started them."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from pcgnn import errors
from pcgnn.errors import ConfigError, PcgnnError

__all__ = ["run_jobs"]

Ask = Callable[[Any], Any]


def run_jobs(
    work: Callable[[Any, Ask], Any],
    next_job: Callable[[], Any],
    finished: Callable[[Any, Any], None],
    *,
    processes: int = 1,
    asked: Callable[[Any, Any], Any] | None = None,
) -> None:
    """Runs ``work(job, ask)`` for one job after the other, ``processes`` of them at a time.

    All decisions are made in the calling process: which job comes next, what becomes of a result
    and what a job is told when it asks. With one process everything runs here, in order.

    Args:
        work: a function at the top of a module; ``ask(question)`` waits for the answer of
            ``asked``.
        next_job: gives the next job, or None if there is none at this time.
        finished: is told job and result.
        processes: how many jobs run at a time.
        asked: answers the questions of a running job: ``asked(job, question)``.

    Raises:
        ConfigError: jobs that cannot be sent to another process.
        PcgnnError: what a job raised; the others are ended.
    """
    if processes < 1:
        raise ConfigError(f"jobs = {processes} must be at least 1")

    def answer(job: Any, question: Any) -> Any:
        return None if asked is None else asked(job, question)

    if processes == 1:
        while (job := next_job()) is not None:
            finished(job, work(job, functools.partial(answer, job)))
        return
    pool = _Pool(work, processes)
    try:
        while pool.fill(next_job):
            pool.wait(answer, finished)
    finally:
        pool.end()


class _Pool:
    """Processes and what each is at."""

    def __init__(self, work: Callable[[Any, Ask], Any], processes: int) -> None:
        self.work, self.size = work, processes
        # not forked: torch's threads do not survive it
        self.context = multiprocessing.get_context("spawn")
        self.processes: dict[Connection, Any] = {}
        self.busy: dict[Connection, Any] = {}

    def fill(self, next_job: Callable[[], Any]) -> bool:
        """Give jobs to idle processes; False if nothing runs and nothing is left."""
        while len(self.busy) < self.size and (job := next_job()) is not None:
            idle = [pipe for pipe in self.processes if pipe not in self.busy]
            pipe = idle[0] if idle else self._start()
            self.busy[pipe] = job
            try:
                pipe.send_bytes(pickle.dumps(job))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise ConfigError(
                    f"the job cannot be sent to another process: {error}",
                    remedy="use jobs=1, or a model by name or from a function at the top of a "
                    "module, not a lambda",
                ) from error
            except OSError:
                continue  # it has died already, which wait() finds
        return bool(self.busy)

    def _start(self) -> Connection:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_serve, args=(theirs, self.work), daemon=True)
        process.start()
        theirs.close()
        self.processes[ours] = process
        return ours

    def wait(self, answer: Callable[[Any, Any], Any], finished: Callable[[Any, Any], None]) -> None:
        """Take what the processes say, at least one message."""
        for pipe in wait(list(self.busy)):
            assert isinstance(pipe, Connection)
            job = self.busy[pipe]
            try:
                kind, content = pipe.recv()
            except (EOFError, OSError) as error:
                process = self.processes[pipe]
                process.join(10)
                raise PcgnnError(
                    f"a process ended in the middle of its job (exit code {process.exitcode})",
                    remedy="is there enough memory for so many jobs? does the script call behind "
                    "if __name__ == '__main__'? then go on with resume=True",
                ) from error
            if kind == "ask":
                pipe.send(answer(job, content))
            elif kind == "done":
                del self.busy[pipe]
                finished(job, content)
            else:
                raise _rebuilt(*content)

    def end(self) -> None:
        for pipe, process in self.processes.items():
            pipe.close()
            if process.is_alive():
                process.terminate()
            process.join(30)


def _serve(pipe: Connection, work: Callable[[Any, Ask], Any]) -> None:
    """The life of a process: take a job, do it, say so."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)

    def ask(question: Any) -> Any:
        pipe.send(("ask", question))
        return pipe.recv()

    while True:
        try:
            content = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            pipe.send(("done", work(_received(content), ask)))
        except Exception as error:  # whatever it is, it is told where somebody looks
            text = error.problem if isinstance(error, PcgnnError) else str(error)
            details = "" if isinstance(error, PcgnnError) else traceback.format_exc()
            remedy = getattr(error, "remedy", None)
            pipe.send(("error", (type(error).__name__, text, remedy, details)))


def _received(content: bytes) -> Any:
    try:
        return pickle.loads(content)
    except (AttributeError, ImportError) as error:
        raise ConfigError(
            f"the job cannot be read in another process: {error}",
            remedy="use jobs=1, or put the function or class into a module: those of a notebook "
            "are not there",
        ) from error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # killed or ended: nobody is left to take the result


def _rebuilt(name: str, text: str, remedy: str | None, details: str) -> Exception:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, PcgnnError):
        return kind(text, remedy=remedy)
    return RuntimeError(f"{name} in another process: {text}\n{details}")
