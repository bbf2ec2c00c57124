"""The learning system on a cluster and PostgreSQL: many processes, a node that dies and returns."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.scale.load import Load, run
from benchmarks.scale.versions import Versions
from benchmarks.scale.worker import Phases, Tally, Worker, name_of
from cache_core import Cache
from cache_core.database import open_database
from cache_core.learning.record import record_outcome
from cache_core.stores import open_store
from tests.resilience.conftest import Processor


@pytest.mark.timeout(300)
def test_nothing_wrong_is_served_and_nothing_lost_while_a_node_dies_and_returns(
    processor: Processor,
) -> None:
    with processor("alone"):
        found = run(Load(seconds=12.0, processes=2, threads=10))
    assert (found.wrongs, found.wrong, dict(found.raised)) == (0, [], {})
    assert found.written == found.rows > 0
    assert (found.pending, found.dropped) == (0, 0)
    assert found.counted == found.reads
    assert all(phase.outcomes["hit"] for phase in found.phases)
    assert found.phases[1].outcomes["bypass"] > 0  # the node really was away
    assert found.cleared > 0
    assert found.is_right
    for amiss in ({"wrongs": 1}, {"rows": 0}, {"counted": 0}, {"raised": Counter(ValueError=1)}):
        assert not replace(found, **amiss).is_right


def test_an_answer_from_before_is_found_out(tmp_path: Path) -> None:
    engine = open_database("sqlite://")
    with Cache(open_store("memory://", prefix="t")) as cache:
        Versions.make(tmp_path / "versions", 1)
        versions = Versions(tmp_path / "versions", 1)
        worker = Worker(cache, engine, versions, 1, Phases(0.0, 0.0))
        tally, chance = Tally(), random.Random(1)
        worker.write(tally, chance, [0])
        worker.read(tally, chance)
        assert tally.wrongs == 0
        # Written past the cache, and said to be told all the same.
        record_outcome(engine, name_of(0), "a text", "a category", 0.5, datetime.now(UTC))
        versions.begin(0)
        versions.tell(0, 2)
        for _ in range(20):
            worker.read(tally, chance)
        assert tally.wrongs > 0
        assert "1 outcomes" in tally.wrong[0]
        assert "2 allowed" in tally.wrong[0]
    engine.dispose()
