"""Pictures of TTLs made by hand, with numbers that are easy to work with."""

from __future__ import annotations

import math
from typing import Any

from cache_core.insight.pictures import Study
from cache_core.insight.ttl_terms import Ends, Promise, TooLittle, TtlAdvice, TtlPicture

TTLS_S = (30.0, 300.0, 720.0, 1500.0, 3000.0)
RATES = (0.2, 0.61, 0.78, 0.85, 0.9)
STALE = (0.001, 0.011, 0.027, 0.06, math.nan)


def promise(at: int) -> Promise:
    """That of TTLS_S[at]: intervals are 2 points of hit rate, and from half to 1.5 times of what
    is outdated."""
    rate, stale = RATES[at], STALE[at]
    return Promise(TTLS_S[at], rate, rate - 0.02, rate + 0.02, stale, stale / 2, stale * 1.5)


def advice(present: int = 1, advised: int = 2, **more: Any) -> TtlAdvice:
    """From 5 to 12 min, unless it is said otherwise."""
    given = {
        "source_s_an_hour": 252.0,
        "commands_an_hour": 340.0,
        "confidence": "medium",
        "limit": "budget",
        "reason": "A longer life might leave more than 5 % of reads outdated.",
        "fit": "fits",
        "fit_text": "38 of 200 recomputes found a change.",
        "level": Ends(0.7, 0.86),
        "gain": Ends(0.12, 0.2),
        "is_level_known": True,
        "confidence_text": "watched for 10 h, less than a day",
        **more,
    }
    return TtlAdvice(present=promise(present), advised=promise(advised), **given)


def picture(found: TtlAdvice | TooLittle | None = None, **more: Any) -> TtlPicture:
    """10,000 reads in 10 hours, 38 of 200 recomputes found a change."""
    given = {
        "grid": tuple(map(promise, range(len(TTLS_S)))),
        "told_s": 2000.0,
        "budget": 0.05,
        "reads": 10_000,
        "hours": 10.0,
        "checks": 200,
        "changed": 38,
        "recomputes": 900,
        **more,
    }
    return TtlPicture(advice=advice() if found is None else found, **given)


def study(found: TtlPicture | TooLittle | None = None, **more: Any) -> Study:
    """Of that picture; entries live 5 min, the source takes 2 s."""
    given = {
        "ttl_s": 300.0,
        "low_s": 30.0,
        "high_s": 3000.0,
        "own_ttl_s": 300.0,
        "source_mean_s": 2.0,
        "reads": 10_000,
        "seen_s": 36_000.0,
        "share": 1.0,
        "hot": 0,
        "checks": 200,
        "changed": 38,
        "recomputes": 900,
        **more,
    }
    return Study(picture=picture() if found is None else found, **given)
