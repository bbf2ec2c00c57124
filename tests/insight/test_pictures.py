"""For which namespaces it is worked out what each TTL would give."""

from __future__ import annotations

import pytest

from cache_core import Policy
from cache_core.insight.pictures import can_be_tuned


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
