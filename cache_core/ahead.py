"""Reading ahead of any reader: what is missing is computed, if it may, and nobody waits for it.

Nothing here is counted as a read. What somebody computes already is left to him.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cache_core.batch import Batch
from cache_core.batch_source import SourceMany
from cache_core.call import Answer, Call, Look, Read, served
from cache_core.read_path import ReadPath
from cache_core.steps import Steps
from cache_core.stores.base import StoreError

MayRun = Callable[[int], bool]
"""Asked once, before any source runs, with how many calls would be computed."""


def read_ahead(
    path: ReadPath, calls: Sequence[Call], source_many: SourceMany | None, may_run: MayRun
) -> Steps[list[Read[Any] | None]]:
    """Reads of calls of one namespace, all different, in order.

    `hit`: it was there; `stale`: it was there, and its source failed if that had to run; `miss`: it
    was computed now; None: there is none, because it may not run, somebody else is at it, or the
    store is out of reach.
    """
    try:
        looks = yield from path.sharing.bids.look(calls)
    except StoreError:
        return [None] * len(calls)
    found = [_there(path, call, look) for call, look in zip(calls, looks, strict=True)]
    missing = [at for at, look in enumerate(looks) if found[at] is None and look.holder is None]
    if not missing or not may_run(len(missing)):
        return found
    batch = Batch(
        path,
        [calls[at] for at in missing],
        None if source_many is None else lambda at: source_many([missing[one] for one in at]),
        _ignore,
    )
    answers = yield from batch.steps()
    for at, answer in zip(missing, answers, strict=True):
        found[at] = _computed(answer)
    return found


def _there(path: ReadPath, call: Call, look: Look) -> Read[Any] | None:
    if look.standing == "fresh":
        return served(call, look, "hit", path.timing.clock()).read
    return (
        served(call, look, "stale", path.timing.clock()).read if look.standing == "stale" else None
    )


def _computed(answer: Answer) -> Read[Any] | None:
    """What was computed elsewhere meanwhile is there; what went past the store is not."""
    if answer.read.outcome == "bypass":
        return None
    if answer.ran_s is not None or answer.read.outcome == "stale":
        return answer.read
    return replace(answer.read, outcome="hit", cause=None)


def _ignore() -> None:
    """When the store answered is of no interest."""
