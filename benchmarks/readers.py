"""Readers that keep reading through a fault, in a process of their own, and note every call."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load import Read, Sleep, run_workers, sleeper, source_of
from benchmarks.peers import Place, make

READERS = 8
SOURCE_S = 0.005
TTL_S = 1.0
KEYS = 16
RATE = 100.0

HIT, COMPUTED, RAISED, WRONG = range(4)

# A value may be older than its ttl by the time its computation and its way back took.
_SLACK_S = 0.3
_PAD = "x" * 200


class Notes:
    """Every call: begin, end (time.monotonic), and what came of it; and the calls under way."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, float, int]] = []
        self.errors: Counter[str] = Counter()
        self.open: dict[int, float] = {}

    async def call(self, number: int, read: Read, key: int) -> None:
        """Read once and note it."""
        began_s = self.open[number] = time.monotonic()
        try:
            value = await read(key)
        except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001 - that it raises is noted
            outcome = RAISED
            self.errors[type(exc).__name__] += 1
        else:
            outcome = judged(value, key, began_s)
        self.open.pop(number, None)
        self.calls.append((began_s, time.monotonic(), outcome))


def judged(value: Any, key: int, began_s: float) -> int:
    """What came of a call that returned `value`."""
    is_ours = isinstance(value, dict) and value.keys() == {"key", "made_s", "pad"}
    if not is_ours or value["key"] != key or value["pad"] != _PAD:
        return WRONG
    if value["made_s"] < began_s - TTL_S - _SLACK_S:
        return WRONG
    return HIT if value["made_s"] < began_s else COMPUTED


def read_on(kind: str, port: int, password: str, paced: bool, folder: str) -> dict[str, Any]:
    """Read until the time in the file `end`, and write the calls to `calls.npy`.

    Paced: each reader offers RATE calls a second and lets pass the times it was busy; otherwise
    each calls as fast as it is answered. A file `ready` says that the cache is warm.
    Returns: the kinds of exceptions that were raised, with how often.
    """
    # Some caches log a traceback for each failed call; that would be measured, not they.
    logging.disable(logging.CRITICAL)
    peer = make(kind, Place(port, password=password))
    place = Path(folder)
    notes = Notes()

    async def body(key: int) -> dict[str, Any]:
        made_s = time.monotonic()
        await sleeper(peer)(SOURCE_S)
        return {"key": key, "made_s": made_s, "pad": _PAD}

    function = peer.function(source_of(peer, body), ttl_s=TTL_S)

    async def warm(number: int, read: Read, sleep: Sleep) -> None:
        for key in range(number, KEYS, READERS):
            await read(key)

    async def reader(number: int, read: Read, sleep: Sleep) -> None:
        count = number
        due_s = begin_s + number / READERS / RATE
        while time.monotonic() < end_s:
            if paced:
                await sleep(due_s - time.monotonic())
            await notes.call(number, read, count % KEYS)
            count += READERS + 1
            missed = max(int((time.monotonic() - due_s) * RATE), 0)
            due_s += (1 + missed) / RATE

    run_workers(peer, function, warm, READERS, time.monotonic() + 20)
    (place / "ready").touch()
    while not (place / "end").exists():
        time.sleep(0.005)
    begin_s, end_s = time.monotonic(), float((place / "end").read_text())
    run_workers(peer, function, reader, READERS, end_s)
    still = [(began_s, float("inf"), RAISED) for began_s in list(notes.open.values())]
    # A call that ends just now is in both; one more or less does not matter.
    np.save(place / "calls.npy", np.array(list(notes.calls) + still, dtype=np.float64))
    return dict(notes.errors)
