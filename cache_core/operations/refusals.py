"""How many refusals of one actor are listed one by one; the others are counted."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

# Whoever may not act must not fill the database, nor hide what others were refused.
LISTED_MAX, WITHIN_S = 60, 3_600.0
_ACTORS_MAX = 1_000


@dataclass(slots=True)
class Refused:
    """One actor's refusals of an hour, which begins with the first of them.

    `left_out`: those that are not listed one by one, the first of them at `first_at`; `row`: the
    number of the row that counts them, None before there is one.
    """

    began_s: float
    listed: int = 0
    left_out: int = 0
    first_at: datetime | None = None
    row: int | None = None


class Refusals:
    """Counts refusals of each actor, of so many actors as were refused last. Hold a lock."""

    def __init__(self) -> None:
        self._by_actor: OrderedDict[str, Refused] = OrderedDict()

    def count(self, actor: str, at: datetime) -> Refused:
        """One more; `left_out` of what comes back says whether it is listed."""
        now_s = at.timestamp()
        refused = self._by_actor.pop(actor, None)
        if refused is None or now_s >= refused.began_s + WITHIN_S:
            refused = Refused(now_s)
        self._by_actor[actor] = refused
        if len(self._by_actor) > _ACTORS_MAX:
            self._by_actor.popitem(last=False)
        if refused.listed < LISTED_MAX:
            refused.listed += 1
        else:
            refused.left_out += 1
            refused.first_at = refused.first_at or at
        return refused
