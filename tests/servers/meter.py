"""Counting what a store costs: round trips and commands since the last reset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest

from cache_core.stores.base import FieldPut, Put
from cache_core.stores.memory import MemoryStore
from cache_core.stores.redis_connection import TcpConnection, TlsConnection, UnixConnection
from cache_core.stores.redis_line import Line
from tests.servers.resp import commands_in
from tests.servers.rest_front import RestFront

# What a new connection says before its first command is not the cost of a call.
_HANDSHAKE = frozenset({"AUTH", "SELECT", "HELLO", "CLIENT"})


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

    def count(sent: bytes) -> None:
        names = [found[0].decode().upper() for found in commands_in(sent)]
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
            sent = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
            count(sent)
            original(self, parts, check_health)

        patch.setattr(connection_class, "send_packed_command", counted)

    exchange = Line.exchange

    async def counted_exchange(self: Line, packed: bytes, replies: int, ends: float) -> list[Any]:
        count(packed)
        return await exchange(self, packed, replies, ends)

    patch.setattr(Line, "exchange", counted_exchange)
    return meter


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
    count_calls("touch", lambda touches: ["PEXPIRE"] * len(touches))
    count_calls("remove", lambda keys: ["UNLINK"] if keys else [])
    count_calls("put_fields", _field_names)
    count_calls("get_fields", lambda keys: ["HGETALL"] * len(keys))
    count_calls("scan", lambda start: ["SCAN"])
    count_calls("ping", lambda: ["PING"])
    count_calls("now_s", lambda: ["TIME"])
    count_calls("info", lambda: ["INFO"])
    return meter


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
