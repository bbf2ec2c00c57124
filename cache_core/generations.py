"""For how long generations are kept: longer than the entries that live under them.

A generation that is gone turns its entries into misses, so losing one costs a computation and never
correctness. Its life begins when it is made, and anew when an entry is written that is kept longer
than a day, and when a sliding one slides: once a day for each generation in each process. Entries
kept for less make no command for it, so they may miss early once in 30 days.
"""

from __future__ import annotations

from collections.abc import Iterable

from cache_core.call import Call
from cache_core.pauses import Pauses
from cache_core.policy import Policy
from cache_core.stores.base import Touch

DAY_S = 86_400.0
# This only bounds what generations nobody uses any more occupy.
_KEPT_MIN_S = 30 * DAY_S
_GIVEN_MAX = 10_000


def generation_ttl_s(policy: Policy) -> float:
    """Seconds a generation lives: beyond every entry of the policy, however it is retuned."""
    return max(_KEPT_MIN_S, 2 * policy.kept_s(policy.ttl_range_s[1]))


class GenerationLives:
    """Which generations are to begin their lives anew. `now`: on the monotonic clock, seconds."""

    def __init__(self) -> None:
        self._given = Pauses(_GIVEN_MAX)

    def due(self, calls: Iterable[Call], now: float) -> list[Touch]:
        """New lives for generations of these calls, but for those given within a day."""
        lives: dict[str, Touch] = {}
        for call in calls:
            ttl_s = generation_ttl_s(call.policy)
            for name in call.generation_keys:
                # Another function's entries may need a tag's generation for longer than these do.
                life = Touch(name, ttl_s, may_shorten=False)
                if not self._given.lasts(_given_as(life), now):
                    lives[name] = life
        return list(lives.values())

    def given(self, lives: Iterable[Touch], now: float) -> None:
        """Note that these are on their way."""
        for life in lives:
            self._given.set(_given_as(life), now + DAY_S)


def _given_as(life: Touch) -> str:
    """A short life that was given does not stand for a long one."""
    return f"{life.ttl_s:g} {life.key}"
