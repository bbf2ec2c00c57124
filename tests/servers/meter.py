"""Counting what a store costs: round trips and commands since the last reset."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

import pytest

from cache_core.stores.base import FieldPut, Put, Touch
from cache_core.stores.cluster import ClusterStore
from cache_core.stores.cluster_aio import AsyncClusterStore
from cache_core.stores.memory import MemoryStore
from cache_core.stores.redis_connection import TcpConnection, TlsConnection, UnixConnection
from cache_core.stores.redis_line import Line
from cache_core.stores.tracking import THREAD_NAME
from tests.servers.resp import commands_in
from tests.servers.rest_front import RestFront

# What a new connection says before its first command is not the cost of a call.
_HANDSHAKE = frozenset({"AUTH", "SELECT", "HELLO", "CLIENT", "CLUSTER SLOTS"})


class Meter(Protocol):
    """Counts all stores of one kind in this process (over REST: in all processes).

    `commands` counts those sent; what a script runs inside the server is not among them.
    """

    @property
    def round_trips(self) -> int: ...

    @property
    def commands(self) -> int: ...

    @property
    def names(self) -> Counter[str]:
        """How often each command was sent, by its name in capitals."""

    def reset(self) -> None: ...


class CountingMeter:
    """A meter that is told of each round trip."""

    def __init__(self) -> None:
        self.round_trips = 0
        self.names: Counter[str] = Counter()

    @property
    def commands(self) -> int:
        return self.names.total()

    def reset(self) -> None:
        self.round_trips = 0
        self.names = Counter()

    def count(self, names: Sequence[str]) -> None:
        if names:
            self.round_trips += 1
            self.names.update(names)


class ClusterMeter(CountingMeter):
    """A meter of what goes to several nodes at the same time: one round trip.

    GETs that go out together count as the one MGET, and UNLINKs as the one UNLINK, that a single
    server would be sent. That they do go out together is for tests of the cluster to show.
    """

    def __init__(self) -> None:
        super().__init__()
        # Tasks that a round begins have its context, and with it this counter.
        self._round: ContextVar[Counter[str] | None] = ContextVar("round", default=None)

    def begin(self) -> None:
        """A round begins on this thread or in this task."""
        self._round.set(Counter())

    def count(self, names: Sequence[str]) -> None:
        together = self._round.get()
        if not names or together is None:
            return
        if not together:
            self.round_trips += 1
        self.names.subtract(_as_one(together))
        together.update(names)
        self.names.update(_as_one(together))
        self.names = +self.names


def _as_one(sent: Counter[str]) -> Counter[str]:
    names = sent.copy()
    if names["GET"] > 1:
        names["GET"], names["MGET"] = 0, 1
    names["UNLINK"] = min(names["UNLINK"], 1)
    return names


class FrontMeter:
    """Reads the counters of the REST front."""

    def __init__(self, front: RestFront) -> None:
        self._front = front
        front.reset_counts()

    @property
    def round_trips(self) -> int:
        return self._front.counts.requests

    @property
    def commands(self) -> int:
        return self._front.counts.commands

    @property
    def names(self) -> Counter[str]:
        return self._front.counts.names

    def reset(self) -> None:
        self._front.reset_counts()


def redis_meter(patch: pytest.MonkeyPatch) -> CountingMeter:
    """Listens to what our connections write: one write of packed commands is one round trip."""
    meter = CountingMeter()
    _listen(patch, meter)
    return meter


def cluster_meter(patch: pytest.MonkeyPatch) -> ClusterMeter:
    """Listens to what our connections to all nodes write, round by round."""
    meter = ClusterMeter()
    _listen(patch, meter)
    for store_class in (ClusterStore, AsyncClusterStore):
        original = store_class._round

        def begun(self: Any, *args: Any, original: Callable[..., Any] = original) -> Any:
            meter.begin()
            return original(self, *args)

        patch.setattr(store_class, "_round", begun)
    return meter


def _listen(patch: pytest.MonkeyPatch, meter: CountingMeter) -> None:
    def count(packed: bytes) -> None:
        if threading.current_thread().name == THREAD_NAME:
            return  # the line that hears of changes is on nobody's path
        names = [_name(command) for command in commands_in(packed)]
        meter.count([name for name in names if name not in _HANDSHAKE])

    for connection_class in (TcpConnection, TlsConnection, UnixConnection):
        original = connection_class.send_packed_command

        def counted(
            self: Any,
            command: Any,
            check_health: bool = True,
            original: Callable[..., None] = original,
        ) -> None:
            parts = [command] if isinstance(command, str | bytes) else list(command)
            count(b"".join(part.encode() if isinstance(part, str) else part for part in parts))
            original(self, parts, check_health)

        patch.setattr(connection_class, "send_packed_command", counted)

    exchange = Line.exchange

    async def counted_exchange(self: Line, packed: bytes, replies: int, ends: float) -> list[Any]:
        count(packed)
        return await exchange(self, packed, replies, ends)

    patch.setattr(Line, "exchange", counted_exchange)


def _name(command: Sequence[bytes]) -> str:
    words = command[:2] if command[0] == b"CLUSTER" else command[:1]
    return b" ".join(words).decode().upper()


def memory_meter(patch: pytest.MonkeyPatch) -> CountingMeter:
    """Counts each call of a memory store as the round trip it would be on a remote one."""
    meter = CountingMeter()

    def count_calls(method: str, names_of: Callable[..., list[str]]) -> None:
        original = getattr(MemoryStore, method)

        def counted(self: MemoryStore, *args: Any) -> Any:
            meter.count(names_of(*args))
            return original(self, *args)

        patch.setattr(MemoryStore, method, counted)

    count_calls("get_many", _read_names)
    count_calls("add_then_get", _add_names)
    count_calls("put_many", lambda puts: ["SET"] * len(puts))
    count_calls("settle", lambda writes: ["EVAL"] * len(writes))
    count_calls("touch", _touch_names)
    count_calls("remove", lambda keys: ["UNLINK"] if keys else [])
    count_calls("put_fields", _field_names)
    count_calls("get_fields", lambda keys: ["HGETALL"] * len(keys))
    count_calls("scan", lambda start: ["SCAN"])
    count_calls("ping", lambda: ["PING"])
    count_calls("now_s", lambda: ["TIME"])
    count_calls("info", lambda: ["INFO"])
    return meter


def _touch_names(touches: Sequence[Touch]) -> list[str]:
    return ["PEXPIRE" if touch.may_shorten else "EVAL" for touch in touches]


def _read_names(keys: Sequence[str]) -> list[str]:
    return [] if not keys else ["GET"] if len(keys) == 1 else ["MGET"]


def _add_names(adds: Sequence[Put], keys: Sequence[str]) -> list[str]:
    if not adds:
        return _read_names(keys)
    return ["SET"] * len(adds) + (["MGET"] if keys else [])


def _field_names(fields: Sequence[FieldPut]) -> list[str]:
    hashes = {put.key for put in fields}
    expiring = {put.key for put in fields if put.ttl_s is not None}
    return ["HSET"] * len(hashes) + ["PEXPIRE"] * len(expiring)
