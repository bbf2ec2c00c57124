"""Asking the sources of many calls: all at once where the function can, else one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cache_core.call import Call
from cache_core.steps import Source, Steps
from cache_core.timing import Timing

SourceMany = Callable[[Sequence[int]], Any]
"""Values for the calls at these positions, in order."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A value, when its source began (Unix seconds), and its share of the time that took."""

    value: Any
    created_s: float
    source_s: float


@dataclass(slots=True)
class Sourced:
    """What the sources gave, by position. Positions in neither were not tried."""

    computed: dict[int, Computed] = field(default_factory=dict)
    failed: dict[int, Exception] = field(default_factory=dict)


def ask_sources(
    calls: Sequence[Call],
    positions: Sequence[int],
    source_many: SourceMany | None,
    timing: Timing,
    may_fail: Callable[[int], bool],
) -> Steps[Sourced]:
    """Values of the calls at `positions`.

    One after another, the first failure ends it, unless `may_fail(position)`: then there is
    something to serve instead, and the others still get their turn.
    """
    if source_many is not None:
        return (yield from _at_once(calls[0], positions, source_many, timing))
    sourced = Sourced()
    for at in positions:
        created_s, began = timing.clock(), timing.monotonic()
        try:
            value = yield Source(calls[at].source, calls[at].namespace)
        except Exception as exc:  # noqa: BLE001  # raised by the batch, when it kept the others
            sourced.failed[at] = exc
            if not may_fail(at):
                break
        else:
            sourced.computed[at] = Computed(value, created_s, timing.monotonic() - began)
    return sourced


def _at_once(
    call: Call, positions: Sequence[int], source_many: SourceMany, timing: Timing
) -> Steps[Sourced]:
    created_s, began = timing.clock(), timing.monotonic()
    try:
        found = yield Source(lambda: source_many(positions), call.namespace)
        _refuse_other_than_values(call, found, len(positions))
    except Exception as exc:  # noqa: BLE001  # raised by the batch
        return Sourced(failed=dict.fromkeys(positions, exc))
    share_s = (timing.monotonic() - began) / len(positions)
    return Sourced(
        {
            at: Computed(value, created_s, share_s)
            for at, value in zip(positions, found, strict=True)
        }
    )


def _refuse_other_than_values(call: Call, found: Any, number: int) -> None:
    # Of a dict, a set or a text the parts would be taken for values, without a word.
    if not isinstance(found, Sequence) or isinstance(found, (str, bytes, bytearray, memoryview)):
        raise TypeError(
            f"{call.label}: source_many returned a {type(found).__name__}; it must return a list "
            "of values, one for each argument tuple, in order"
        )
    if len(found) != number:
        raise ValueError(
            f"{call.label}: source_many returned {len(found)} values for {number} argument "
            "tuples; it must return one for each, in order"
        )
