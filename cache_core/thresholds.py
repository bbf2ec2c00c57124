"""Where Excellent ends and Good begins, and what every cache is held to. Chosen in the settings.

Only the numbers and what makes a set of them possible: `insight.ratings` applies them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Bounds = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bounds between Excellent, Good, Fair and Poor, best first; then targets.

    `hit_rate`: at least this share, 0 to 1. `store_p95_s`: below this, seconds. `error_rate`: below
    this share. `lookups_min`: fewer lookups than this are not rated.
    `target_faster`: share of the source's median time that a hit saves, at least.
    `target_hit_rate`: at least this share. `target_store_s`, `target_miss_penalty_s`: below this,
    seconds. `target_error_rate`: below this share.
    Raises: ValueError saying which numbers will not do.
    """

    hit_rate: Bounds = (0.80, 0.65, 0.50)
    store_p95_s: Bounds = (0.025, 0.050, 0.100)
    error_rate: Bounds = (0.01, 0.02, 0.05)
    lookups_min: int = 20
    target_faster: float = 0.30
    target_hit_rate: float = 0.50
    target_store_s: float = 0.050
    target_miss_penalty_s: float = 0.100
    target_error_rate: float = 0.05

    def __post_init__(self) -> None:
        check_hit_rates(self.hit_rate)
        check_rising(self.store_p95_s)
        check_error_rates(self.error_rate)
        if self.lookups_min < 1:
            raise ValueError(f"a rating needs at least 1 lookup, not {self.lookups_min}")


def check_hit_rates(bounds: Bounds) -> None:
    """Return if each word asks for a smaller share than the one before, else ValueError."""
    _check_shares(bounds)
    excellent, good, fair = bounds
    if not excellent > good > fair > 0:
        raise ValueError(
            "give bounds for Excellent, Good and Fair that fall and are above 0, not "
            f"{shown(bounds)}: Excellent asks for the most"
        )


def check_rising(bounds: Bounds) -> None:
    """Return if each word allows more than the one before, else ValueError."""
    excellent, good, fair = bounds
    if not (0 < excellent < good < fair and math.isfinite(fair)):
        raise ValueError(
            "give bounds for Excellent, Good and Fair that rise and are above 0, not "
            f"{shown(bounds)}: Excellent allows the least"
        )


def check_error_rates(bounds: Bounds) -> None:
    """Return if each word allows a larger share than the one before, else ValueError."""
    _check_shares(bounds)
    check_rising(bounds)


def _check_shares(bounds: Bounds) -> None:
    if not all(0 <= bound <= 1 for bound in bounds):
        raise ValueError(f"shares are from 0 to 1 (0.8 is 80 %), not {shown(bounds)}")


def shown(bounds: Bounds) -> str:
    """As they are written in a setting: "0.8, 0.65, 0.5"."""
    return ", ".join(f"{bound:g}" for bound in bounds)
