"""Who refreshes an entry before it expires: readers volunteer by lot."""

from __future__ import annotations

import math
import random
from collections.abc import Callable


def is_due_early(
    *,
    left_s: float,
    source_s: float,
    eagerness: float,
    draw: Callable[[], float] = random.random,
) -> bool:
    """Decide whether this read should have a value that is still fresh computed anew.

    Readers near expiry volunteer by lot, sooner for slow sources, so that a key that is read often
    is replaced before it expires and nobody waits; a key that is read seldom just expires.

    Args:
        left_s: how long the value stays fresh, seconds.
        source_s: how long its source took, seconds, >= 0.
        eagerness: no unit, >= 0; above 1 volunteers earlier, 0 never. The paper's beta.
        draw: uniform numbers in [0, 1); tests pass a fixed one.
    Returns: True to compute anew, beside the reader.
    Source: Vattani, Chierichetti, Lowenstein, Optimal Probabilistic Cache Stampede Prevention,
        PVLDB 8(8), 2015, 886-897. We use log(1 - u): u may be 0, and log(0) is undefined.
    """
    spread_s = source_s * eagerness
    # A double below 1 is at most 1 - 2**-53, so the lot never reaches further than this; the many
    # reads far from expiry need no lot.
    if left_s > spread_s * _FARTHEST:
        return False
    return -spread_s * math.log(1.0 - draw()) >= left_s


_FARTHEST = 53 * math.log(2.0)
