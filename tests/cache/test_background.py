"""Work no caller waits for: bounded, and never the end of its worker."""

from __future__ import annotations

import threading

import pytest

from cache_core.background import Background
from tests.cache.helpers import PATIENCE_S


@pytest.mark.parametrize("failure", [RuntimeError, SystemExit])
def test_a_worker_outlives_what_a_job_raises(failure: type[BaseException]) -> None:
    background = Background(1, "test", waiting=10)
    done = threading.Event()

    def failing() -> None:
        raise failure

    assert background.submit(failing)
    assert background.submit(done.set)
    assert done.wait(PATIENCE_S)
    background.close()


def test_without_a_place_a_job_is_refused() -> None:
    background = Background(1, "test")
    began, go_on = threading.Event(), threading.Event()

    def held() -> None:
        began.set()
        go_on.wait(PATIENCE_S)

    assert background.submit(held)
    assert began.wait(PATIENCE_S)
    assert not background.submit(held)
    go_on.set()
    background.close()
    assert not background.submit(held), "it is closed"


def test_closing_finishes_the_jobs_in_line() -> None:
    background = Background(1, "test", waiting=10)
    done: list[int] = []
    for number in range(5):
        assert background.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    background.close(PATIENCE_S)
    assert done == [0, 1, 2, 3, 4]
