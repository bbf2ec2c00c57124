"""A hundred thousand reads by threads and coroutines while the store comes and goes."""

from __future__ import annotations

import pytest

from tests.resilience.conftest import stage_of
from tests.resilience.faults import FAULTS
from tests.resilience.flapping import READS, flap
from tests.resilience.stages import Stage
from tests.servers.coroutine_face import LoopThread

_NAMES = {
    "refused",
    "silent",
    "reset_mid_reply",
    "each_reply_3_s_late",
    "each_reply_0.15_s_late",
    "drip",
    "garbage",
    "killed_and_restarted",
    "http_html_500",
}
# Sources take no time, and a call at most its deadline of 0.2 s.
_TOO_SLOW_S = 6.0


@pytest.mark.parametrize("kind", ["redis", "upstash"])
def test_readers_notice_nothing_but_the_time(
    kind: str, stages: dict[str, Stage], loop: LoopThread
) -> None:
    faults = [fault for fault in FAULTS if str(fault) in _NAMES and kind in fault.kinds]
    account = flap(stage_of(kind, stages), faults, loop)

    assert not account.raised
    assert not account.wrong, "a value from before an invalidation that had returned"
    assert account.slowest_s < _TOO_SLOW_S
    assert not any(account.left.values()), f"under way when nobody reads: {account.left}"
    before, after = account.descriptors
    assert after <= before, "file descriptors are left open"
    before, after = account.threads
    assert after <= before, "threads go on"

    # All this says something only if the store came and went.
    assert account.reads >= READS
    assert account.outcomes == {"hit", "stale", "miss", "bypass"}
    assert account.invalidations > 50
