"""What replicas tell each other of auto-tune, in the store: the switch, whose turn it is, and what
the last round found.

The switch has one key for all who share the store. Turns and rounds are apart for each set of
namespaces: an app that does not have a function cannot tune it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import orjson

from cache_core.stores.base import Put, Store

_SWITCH_KEY = "u:stop"
_KEPT_S = 10 * 366 * 86_400.0  # as long as a store takes: until it is taken back
_ROUND_KEPT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Auto-tune was stopped. at_s: Unix time."""

    by: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one namespace in one round.

    ttl_s: as it was then; next_s: what it was to become, None for no change; reason: in words;
    is_done: whether it was changed.
    """

    ttl_s: float
    next_s: float | None
    reason: str
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """What a replica found. at_s: Unix time."""

    at_s: float
    findings: Mapping[str, Finding]


def take_turn(store: Store, names: Iterable[str], who: str, turn: int, kept_s: float) -> bool:
    """Whether `who` is the one that does this turn; one round trip. Raises StoreError."""
    key = f"{_of(names)}:{turn}"
    (holder,) = store.add_then_get([Put(key, who.encode(), kept_s)], [key])
    return holder == who.encode()


def read_stop(store: Store) -> Stop | None:
    """None while auto-tune may act. Raises StoreError."""
    return _stop_in(store.get_many([_SWITCH_KEY])[0])


def read_stop_and(store: Store, keys: Sequence[str]) -> tuple[Stop | None, list[bytes | None]]:
    """The switch and what is under other keys, in one round trip. Raises StoreError."""
    switch, *raws = store.get_many([_SWITCH_KEY, *keys])
    return _stop_in(switch), raws


def write_stop(store: Store, stop: Stop | None) -> None:
    """None lets auto-tune act again. Raises StoreError."""
    if stop is None:
        store.remove([_SWITCH_KEY])
    else:
        store.put_many([Put(_SWITCH_KEY, orjson.dumps(asdict(stop)), _KEPT_S)])


def _stop_in(raw: bytes | None) -> Stop | None:
    """Whatever stands there stops it: somebody meant it to."""
    if raw is None:
        return None
    told = _loaded(raw)
    try:
        return Stop(str(told["by"]), float(told["at_s"]))
    except (KeyError, TypeError, ValueError):
        return Stop("somebody", 0.0)


def round_key(names: Iterable[str]) -> str:
    """Where the last round over these namespaces lies."""
    return f"{_of(names)}:last"


def write_round(store: Store, names: Iterable[str], done: Round) -> None:
    """Raises StoreError."""
    raw = orjson.dumps({"at_s": done.at_s, "findings": _plain(done.findings)})
    store.put_many([Put(round_key(names), raw, _ROUND_KEPT_S)])


def round_in(raw: bytes | None) -> Round | None:
    """None where there was none lately, and for what is none."""
    told = _loaded(raw or b"")
    try:
        findings = {name: _finding(one) for name, one in told["findings"].items()}
        return Round(float(told["at_s"]), findings)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _finding(told: Mapping[str, Any]) -> Finding:
    next_s = told["next_s"]
    return Finding(
        float(told["ttl_s"]),
        None if next_s is None else float(next_s),
        str(told["reason"]),
        bool(told["is_done"]),
    )


def _plain(findings: Mapping[str, Finding]) -> dict[str, dict[str, Any]]:
    return {name: asdict(one) for name, one in findings.items()}


def _loaded(raw: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(raw)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _of(names: Iterable[str]) -> str:
    digest = blake2b("\n".join(sorted(names)).encode(), digest_size=8)
    return f"u:{digest.hexdigest()}"
