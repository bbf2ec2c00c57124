"""Long work beside the pages: progress to look at, a Stop that works, one job a name at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from cache_core.logs import in_short, log
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog
from cache_core.stores.base import CacheCoreError

State = Literal["running", "done", "failed"]


@dataclass(slots=True)
class Job:
    """Work on a thread of its own. `done` of `total` (None: unknown) steps; `result` when done.

    `problem`: what ended it before it was done, in words that a page may show.
    """

    name: str
    title: str
    began_s: float
    state: State = "running"
    done: int = 0
    total: int | None = None
    result: Any = None
    problem: str | None = None
    ended_s: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def stop(self) -> None:
        """Ask the work to end after the step at hand."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked it to end."""
        return self._stop.is_set()

    def advance(self, done: int, total: int | None = None) -> None:
        """Called by the work."""
        self.done = done
        self.total = total if total is not None else self.total

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end."""
        if self._thread is not None:
            self._thread.join(timeout_s)


Work = Callable[[Job], Any]


class Jobs:
    """The jobs of a process, the last one of each name. Safe between threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def start(self, name: str, title: str, work: Work) -> Job:
        """Begin `work(job)`; while a job of that name runs, that one is returned instead."""
        return self.begin(name, title, work)[0]

    def begin(self, name: str, title: str, work: Work) -> tuple[Job, bool]:
        """As `start`, and whether it is this work that now runs."""
        with self._lock:
            there = self._jobs.get(name)
            if there is not None and there.state == "running":
                return there, False
            job = Job(name, title, self._clock())
            self._jobs[name] = job
            job._thread = threading.Thread(
                target=self._run, args=(job, work), name=f"job-{name}", daemon=True
            )
            job._thread.start()
            return job, True

    def _run(self, job: Job, work: Work) -> None:
        state: State = "failed"
        try:
            job.result = work(job)
            state = "done"
        except BaseException as exc:  # noqa: BLE001  # any work may come here; the page shows it
            log.warning("job_failed", "%s failed: %s", job.title, in_short(exc), job=job.name)
            job.problem = _in_words(exc)
        # The state last: who sees the end sees all of it.
        job.ended_s = self._clock()
        job.state = state

    def get(self, name: str) -> Job | None:
        """The last job of a name."""
        return self._jobs.get(name)

    def forget(self, name: str) -> None:
        """Drop a job that has ended."""
        with self._lock:
            job = self._jobs.get(name)
            if job is not None and job.state != "running":
                del self._jobs[name]

    def all(self) -> list[Job]:
        """Jobs, newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: -job.began_s)


def _in_words(exc: BaseException) -> str:
    """What a page may show of it: the words of what is raised for people.

    Others may tell of data, as a database's do of the parameters of a statement: their place is
    shown, which is what finds a mistake of the program.
    """
    is_for_people = isinstance(exc, CacheCoreError | ValueError) and str(exc)
    return str(exc) if is_for_people else in_short(exc)


def stop_job(jobs: Jobs, name: str, actor: Actor, audit: AuditLog) -> bool:
    """Ask the running job of that name to end after the step at hand; False if none runs.

    Raises: NotAllowedError for a viewer: what an operator began is not theirs to end.
    """
    with audit.deed(actor, "stop", name) as deed:
        require_operator(actor, f"Stopping {name}")
        job = jobs.get(name)
        runs = job is not None and job.state == "running"
        if job is not None and runs:
            job.stop()
        deed.after = "asked to end" if runs else "it was not running"
    return runs
