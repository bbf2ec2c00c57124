"""For which namespaces it is worked out what each TTL would give."""

from __future__ import annotations

import pytest

from cache_core import Policy
from cache_core.events import ReadEvent
from cache_core.insight.pictures import can_be_tuned, studies
from cache_core.insight.read_log_bytes import DAY_S
from cache_core.insight.read_logs import ReadLogs
from cache_core.insight.ttl_terms import TtlPicture
from cache_core.stores.memory import MemoryStore

NOW_S = 20_000 * DAY_S + 3_600


@pytest.mark.parametrize(
    ("policy", "can_be"),
    [
        (Policy(ttl_s=60), True),
        (Policy(ttl_s=60, ttl_min_s=60, ttl_max_s=60), False),
        (Policy(ttl_s=60, sliding=True), False),
        (Policy(ttl_s=60, keep_by_use=True), False),
    ],
)
def test_a_ttl_is_chosen_only_where_all_entries_live_by_it(policy: Policy, can_be: bool) -> None:
    assert can_be_tuned(policy) is can_be


def test_a_policy_may_say_how_many_reads_may_be_outdated() -> None:
    store = MemoryStore()
    logs = ReadLogs(store)
    for name in ("own", "strict"):
        reads = [
            ReadEvent(name, "hit", NOW_S - 200 + at, 0.0, key="e:n:1:{7}") for at in range(150)
        ]
        logs.look(reads, [])
    store.put_fields(logs.take(NOW_S, is_last=True))
    policies = {
        "own": Policy(ttl_s=10),
        "strict": Policy(ttl_s=10, staleness_budget=0.0),
    }
    found = studies(store, policies, {}, {}, NOW_S, budget=0.2)
    pictures = {name: study.picture for name, study in found.items()}
    budgets = {name: one.budget for name, one in pictures.items() if isinstance(one, TtlPicture)}
    assert budgets == {"own": 0.2, "strict": 0.0}
