"""Alerting rules ask for metrics that exist, and each is told of in the operations guide."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import yaml
from prometheus_client import CollectorRegistry, generate_latest

from cache_core import Cache
from cache_core.events import Cause, Outcome
from cache_core.exporters.prometheus import PrometheusRecorder
from cache_core.stores import open_store

ROOT = Path(__file__).parents[2]


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def _exported() -> str:
    registry = CollectorRegistry()
    recorder = PrometheusRecorder(registry)
    with Cache(open_store("memory://", prefix="t"), recorder=recorder) as cache:
        recorder.watch(cache)
        cache.get_or_compute("shop.prices", "a", lambda: 1, ttl_s=60)
        return generate_latest(registry).decode()


def test_rules_ask_for_metrics_and_labels_that_exist() -> None:
    exported = _exported()
    for rule in _rules():
        names = re.findall(r"\bcache_\w+", rule["expr"])
        assert names
        for name in names:
            assert re.search(rf"^{name}[{{ ]", exported, re.MULTILINE), (rule["alert"], name)
        known = {"outcome": get_args(Outcome), "cause": get_args(Cause)}
        for label, _, values in re.findall(r'(\w+)(=~|!=|=)"([^"]+)"', rule["expr"]):
            assert set(values.split("|")) <= set(known[label]), rule["alert"]


def test_each_alert_is_told_of_in_the_operations_guide_and_no_other() -> None:
    guide = (ROOT / "docs/operating.md").read_text()
    told = re.findall(r"^### (Cache\w+)$", guide, re.MULTILINE)
    assert told == [rule["alert"] for rule in _rules()]
