"""The bytes in which replicas share their logs of reads: one hash a namespace and window.

A replica has a field for what it saw in all, one for the cells that are open, one for its sample of
recomputes, and one for each part of its rows, which it overwrites when rows are added or dropped.
So handing over is idempotent, and only what changed travels. A second hash, one a window, holds
what replicas need to agree on a plan. Fields that cannot be read are left out: a log without them
is a smaller log.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import orjson

from cache_core.insight.check_sample import CHECK, CheckContent
from cache_core.insight.log_rows import CELL, CELL_READ, READ, Rows
from cache_core.insight.ttl_log import LogContent, TtlLog
from cache_core.insight.ttl_plan import Plan

DAY_S = 86_400.0
_HEAD, _OPEN, _CHECKS = "h", "o", "c"
_FORMAT = 1
_COUNTS = struct.Struct("<BIII")  # format; rows of each kind
_SAMPLED = struct.Struct("<BII")  # format; recomputes, changed
_SIZES = [kind.itemsize for kind in (READ, CELL, CELL_READ)]
_NO_READ, _NO_CELL, _NO_CELL_READ = (np.empty(0, kind) for kind in (READ, CELL, CELL_READ))


class UnreadableLogError(ValueError):
    """Bytes are not a log of this format."""


def log_key(window: int, namespace: str) -> str:
    """Hash of a namespace's logs; `window`: Unix time divided by the window's length."""
    return f"i:l:{window}:{namespace}"


def plan_key(window: int) -> str:
    """Hash of all namespaces' plans, and of what replicas say for them."""
    return f"i:p:{window}"


def encode_log(log: TtlLog, parts: Iterable[int], replica: str) -> dict[str, bytes]:
    """The fields of one replica's log that always change, and those of the given parts."""
    fields = {f"{replica}:{_HEAD}": _encode_head(log)}
    if log.plan.hot and (cells := log.open_cells()):
        fields[f"{replica}:{_OPEN}"] = _encode_rows(b"", cells, b"")
    return fields | {f"{replica}:{number}": _encode_rows(*log.part(number)) for number in parts}


def _encode_rows(*kinds: bytes) -> bytes:
    """Reads, cells, and reads within cells; b"" without any."""
    raw = b"".join(kinds)
    if not raw:
        return b""
    numbers = [len(rows) // size for rows, size in zip(kinds, _SIZES, strict=True)]
    return _COUNTS.pack(_FORMAT, *numbers) + raw


def _encode_head(log: TtlLog) -> bytes:
    plan = log.plan
    return orjson.dumps(
        {
            "f": _FORMAT,
            "begin": plan.begin_s,
            "window": plan.window_s,
            "share": plan.share,
            "hot": list(plan.hot.items()),
            "early": list(log.early.items()),
            "reads": log.reads,
        }
    )


def encode_checks(content: CheckContent, replica: str) -> dict[str, bytes]:
    """The field of one replica's sample."""
    head = _SAMPLED.pack(_FORMAT, content.recomputes, content.changed)
    return {f"{replica}:{_CHECKS}": head + content.rows.tobytes()}


@dataclass(slots=True)
class _Found:
    """Of one replica, as far as it was read."""

    head: LogContent | None = None
    rows: list[tuple[Rows, Rows, Rows]] = field(default_factory=list)

    def content(self) -> LogContent | None:
        if self.head is None:
            return None
        whole, cells, cell_reads = (
            np.concatenate([empty, *parts])
            for empty, parts in zip(
                (self.head.whole, self.head.cells, self.head.cell_reads),
                zip(*self.rows, strict=True) if self.rows else ((), (), ()),
                strict=True,
            )
        )
        head = self.head
        known = np.isin(cells["key"], list(head.plan.hot))
        inside = np.isin(cell_reads["key"], list(head.plan.hot))
        return LogContent(
            head.plan, head.reads, whole, cells[known], cell_reads[inside], head.early
        )


def decode(fields: Mapping[str, bytes]) -> tuple[list[LogContent], list[CheckContent], int]:
    """Each replica's log, each one's sample, and how many fields could not be read."""
    logs: dict[str, _Found] = {}
    samples: list[CheckContent] = []
    unreadable = 0
    for name, raw in fields.items():
        replica, _, part = name.partition(":")
        found = logs.setdefault(replica, _Found())
        try:
            if part == _HEAD:
                found.head = _decode_head(raw)
            elif part == _CHECKS:
                samples.append(_decode_checks(raw))
            else:
                found.rows.append(_decode_rows(raw))
        except UnreadableLogError:
            unreadable += 1
    contents = [found.content() for found in logs.values()]
    return [content for content in contents if content is not None], samples, unreadable


def _decode_head(raw: bytes) -> LogContent:
    try:
        head = orjson.loads(raw)
        if head["f"] != _FORMAT:
            raise UnreadableLogError(f"a log of format {head['f']}")
        hot = {int(key): float(width_s) for key, width_s in head["hot"]}
        plan = Plan(float(head["begin"]), float(head["window"]), float(head["share"]), hot)
        early = {int(key): int(reads) for key, reads in head["early"]}
        if plan.window_s <= 0 or not 0 < plan.share <= 1 or min(hot.values(), default=1.0) <= 0:
            raise UnreadableLogError("a plan that cannot be")
        reads = int(head["reads"])
        return LogContent(plan, reads, _NO_READ, _NO_CELL, _NO_CELL_READ, early)
    except (ValueError, KeyError, TypeError) as exc:
        raise UnreadableLogError(f"{type(exc).__name__} while reading a log") from exc


def _decode_rows(raw: bytes) -> tuple[Rows, Rows, Rows]:
    found, at = [], _COUNTS.size
    try:
        form, *counts = _COUNTS.unpack_from(raw)
        for dtype, number in zip((READ, CELL, CELL_READ), counts, strict=True):
            found.append(np.frombuffer(raw, dtype, number, at))
            at += number * dtype.itemsize
    except (struct.error, ValueError) as exc:
        raise UnreadableLogError("too short for its rows") from exc
    if form != _FORMAT or at != len(raw):
        raise UnreadableLogError("not rows of a log")
    return found[0], found[1], found[2]


def _decode_checks(raw: bytes) -> CheckContent:
    try:
        form, recomputes, changed = _SAMPLED.unpack_from(raw)
        rows = np.frombuffer(raw, CHECK, offset=_SAMPLED.size)
    except (struct.error, ValueError) as exc:
        raise UnreadableLogError("not a sample of recomputes") from exc
    sound = np.isfinite(rows["age_s"]) & (rows["age_s"] > 0)
    if form != _FORMAT or recomputes < len(rows) or not sound.all():
        raise UnreadableLogError("not a sample of recomputes")
    return CheckContent(rows, recomputes, changed)
