"""GET /metrics, read by Prometheus' own parsers."""

from __future__ import annotations

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.api.asking import OPERATE, READ, World

# What Prometheus 3 sends.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


def reads_in(families: list[Metric]) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["namespace"], sample.labels["outcome"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "cache_reads_total"
    }


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=1.0.0", PROMETHEUS])
def test_openmetrics_for_who_takes_it(world: World, accept: str) -> None:
    for _ in range(3):
        world.ask("/api/dashboard/stats", token=READ)
    answer = world.ask("/metrics", token=READ, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    found = reads_in(list(parse_openmetrics(answer.text)))  # type: ignore[no-untyped-call]
    assert found["dashboard.stats", "miss"] == 1
    assert found["dashboard.stats", "hit"] == 2


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "text/html,application/xhtml+xml"])
def test_plain_text_for_everybody_else(world: World, accept: str) -> None:
    world.ask("/api/dashboard/stats", token=READ)
    answer = world.ask("/metrics", token=OPERATE, headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["content-type"].count("charset") == 1
    assert "# EOF" not in answer.text
    assert reads_in(list(parse_text(answer.text)))["dashboard.stats", "miss"] == 1


def test_it_holds_no_user(world: World) -> None:
    assert world.views is not None
    world.views.record_outcome("lovelace", "hello", "poetry", 1.0)
    assert world.ask("/api/dashboard/stats?user=lovelace", token=READ).status_code == 200
    assert "lovelace" not in world.ask("/metrics", token=READ).text
