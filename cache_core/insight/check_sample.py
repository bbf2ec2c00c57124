"""A bounded sample, chosen by chance, of what recomputes showed.

Source: J. S. Vitter, Random sampling with a reservoir, ACM TOMS 11(1), 1985, 37-57 (Algorithm R).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_MAX = 512

CHECK = np.dtype([("key", "<u4"), ("age_s", "<f4"), ("changed", "u1")])
Checks = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class CheckContent:
    """`rows`: some of the recomputes; `recomputes`, `changed`: of all of them."""

    rows: Checks
    recomputes: int
    changed: int


class CheckSample:
    """One replica's sample of a window. Not safe between threads."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._rows: list[tuple[int, float, bool]] = []
        self.recomputes = 0
        self.changed = 0

    def take(self, key: int, age_s: float, is_changed: bool) -> None:
        """Look at one recompute. `key`: 32 bits of the key's digest."""
        self.recomputes += 1
        self.changed += is_changed
        if len(self._rows) < SAMPLE_MAX:
            self._rows.append((key, age_s, is_changed))
            return
        place = self._rng.randrange(self.recomputes)
        if place < SAMPLE_MAX:
            self._rows[place] = (key, age_s, is_changed)

    def content(self) -> CheckContent:
        """What was kept."""
        return CheckContent(np.array(self._rows, dtype=CHECK), self.recomputes, self.changed)


def pooled(contents: Iterable[CheckContent]) -> CheckContent:
    """Several samples as one in which each recompute had the same chance to be.

    Of each there stay as many, by chance, as the one that knows the smallest part of its own.
    """
    samples = [content for content in contents if content.recomputes and len(content.rows)]
    share = min((len(each.rows) / each.recomputes for each in samples), default=1.0)
    # A seed of its own, so that two looks at the same samples agree.
    rng = np.random.default_rng(len(samples))
    kept = [
        rng.permutation(each.rows)[: max(round(share * each.recomputes), 1)] for each in samples
    ]
    return CheckContent(
        np.concatenate(kept) if kept else np.empty(0, dtype=CHECK),
        sum(each.recomputes for each in samples),
        sum(each.changed for each in samples),
    )
