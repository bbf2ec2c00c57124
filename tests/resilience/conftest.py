"""Stages that tests share, and what they leave behind is mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.resilience.stages import Stage, set_up
from tests.servers.coroutine_face import LoopThread


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
