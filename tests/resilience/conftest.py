"""Stages that tests share, and what they leave behind is mended."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Literal

import pytest

from tests.resilience.stages import Stage, set_up
from tests.servers.coroutine_face import LoopThread

Processor = Callable[[Literal["shared", "alone"]], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Processor:
    """The machine, for a while: a load that takes all of it would have deadlines beside it pass.

    The folder is that of all workers of a run.
    """
    path = tmp_path_factory.getbasetemp().parent / "processor"

    @contextlib.contextmanager
    def taken(how: Literal["shared", "alone"]) -> Iterator[None]:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_SH if how == "shared" else fcntl.LOCK_EX)
            yield

    return taken


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[str, Stage]]:
    """Stages by kind of store, each set up when it is first asked for, with `stage_of`."""
    made: dict[str, Stage] = {}
    yield made
    for stage in made.values():
        stage.stop()


def stage_of(kind: str, stages: dict[str, Stage]) -> Stage:
    """The module's stage of this kind."""
    if kind not in stages:
        stages[kind] = set_up(kind)
    return stages[kind]


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    """An event loop on a thread of its own."""
    thread = LoopThread()
    yield thread
    thread.stop()
