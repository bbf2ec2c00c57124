"""What one TTL would give, read off a picture: for whoever tries TTLs out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cache_core.insight.pictures import Study
from cache_core.insight.ttl_replay import COMMANDS_OF_HIT, COMMANDS_OF_MISS
from cache_core.insight.ttl_terms import Promise, TtlPicture


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What one TTL would give. `promise`: what the picture says of it.

    source_s_an_hour: the source would work; None where it was not timed. commands_an_hour: reads
    would send to the store. Both are not a number where the hit rate is none.
    """

    promise: Promise
    source_s_an_hour: float | None
    commands_an_hour: float


def what_if(study: Study, promise: Promise) -> WhatIf:
    """The hit rate of a picture's TTL in hours of work and commands."""
    misses_an_hour = study.reads_an_hour * (1 - promise.hit_rate)
    hits_an_hour = study.reads_an_hour * promise.hit_rate
    return WhatIf(
        promise,
        misses_an_hour * study.source_mean_s if study.source_mean_s else None,
        hits_an_hour * COMMANDS_OF_HIT + misses_an_hour * COMMANDS_OF_MISS,
    )


def promise_of(picture: TtlPicture, ttl_s: float) -> Promise:
    """That of the picture's TTL nearest to `ttl_s`, by how many times longer or shorter it is."""
    return min(picture.grid, key=lambda each: abs(math.log(each.ttl_s / ttl_s)))


def longest_within(picture: TtlPicture, budget: float) -> Promise | None:
    """The longest TTL up to which no more reads than so may be outdated, the upper end of the
    share counting; None if not even the shortest. `budget`: 0 to 1."""
    return _longest(picture, [each.staleness_high <= budget for each in picture.grid])


def longest_expected_within(picture: TtlPicture, budget: float) -> Promise | None:
    """The same, the middle of the estimate counting."""
    return _longest(picture, [each.staleness <= budget for each in picture.grid])


def _longest(picture: TtlPicture, is_within: Sequence[bool]) -> Promise | None:
    """The last of the TTLs before the first that is not within."""
    number = is_within.index(False) if False in is_within else len(is_within)
    return picture.grid[number - 1] if number else None
