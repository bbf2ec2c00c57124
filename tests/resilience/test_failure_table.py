"""The table of docs/failures.md: each fault on each kind of store, by threads and by coroutines.

A scenario is played once; each test looks at one side of its account.
"""

from __future__ import annotations

import pytest

from tests.resilience.conftest import Processor, stage_of
from tests.resilience.faults import FAULTS, Fault
from tests.resilience.play import RECOVERY_S, Account, Face, Play
from tests.resilience.stages import Stage
from tests.servers.coroutine_face import LoopThread

Scene = tuple[Fault, str, Face]

SCENES: list[Scene] = [
    (fault, kind, face)
    for fault in FAULTS
    for kind in fault.kinds
    for face in ("threads", "coroutines")
]


@pytest.fixture(scope="module", params=SCENES, ids=lambda scene: "-".join(map(str, scene)))
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.param
    return found


@pytest.fixture(scope="module")
def account(
    scene: Scene, stages: dict[str, Stage], loop: LoopThread, processor: Processor
) -> Account:
    fault, kind, face = scene
    stage = stage_of(kind, stages)
    with processor("shared"):
        return Play(stage, fault, face, loop).run()


def test_every_call_is_answered_with_a_right_value(account: Account) -> None:
    assert not account.wrong


def test_no_call_raises(account: Account) -> None:
    assert not account.raised


def test_no_call_waits_much_longer_than_its_deadlines(account: Account) -> None:
    assert not account.too_slow


def test_no_read_computes_twice(account: Account) -> None:
    assert not account.computed_too_often


def test_hits_are_served_again_soon_after(account: Account) -> None:
    assert account.recovered_within_s < RECOVERY_S


def test_no_invalidation_is_undone(account: Account) -> None:
    assert not account.old_after
    assert account.pending_after == 0


def test_what_could_not_be_invalidated_is_counted(account: Account, scene: Scene) -> None:
    heard = scene[0].hears_invalidations
    assert heard is None or (account.pending_during == 0) == heard


def test_the_health_check_tells_of_it_while_it_lasts(account: Account, scene: Scene) -> None:
    fails = scene[0].fails_pings
    assert fails is None or (account.problem_during is not None) == fails
    assert account.problem_after is None


def test_figures_show_reads_that_went_to_the_source(account: Account) -> None:
    assert set(account.outcomes_during) - {"hit"}
