"""What Redis is asked for each call of a store, and what its replies mean. No I/O.

Every remote store is built on this, whatever carries the commands: it sends those of an `Exchange`
together, checks the replies for errors, and hands them to `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cache_core.stores.arguments import from_text, glob_literal, hold_ms, to_text, ttl_ms
from cache_core.stores.base import FieldPut, LeaseWrite, Put, StoreInfo, Touch
from cache_core.stores.replies import NoAnswerError, of_length, parsed_info, whole_number
from cache_core.stores.scripts import LENGTHEN, SETTLE

T = TypeVar("T")

Name = bytes | str
Command = tuple[bytes | str | int, ...]

_SCAN_COUNT = 500


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """Commands sent together in one round trip, and what their replies mean.

    operation: the store's method, for messages.
    read: from the replies in order to the result; raises NoAnswerError on one of the wrong form.
    repeatable: may be sent again on a new connection when the first was lost.
    other_types_pass: a reply that says WRONGTYPE is given to `read` as an exception, not raised.
    """

    operation: str
    commands: Sequence[Command]
    read: Callable[[list[Any]], T]
    repeatable: bool = True
    other_types_pass: bool = False


# As long as a small entry: where replies drip, a bare PONG would come in time and entries not.
_ECHO = "x" * 256


class Commands:
    """Makes the exchange for each call of a store under one prefix.

    Args:
        text_values: values are kept as base64 text.
        text_names: names are sent as text, for what carries no bytes; else as bytes, so that a
            foreign key that is not text can be named too.
        database: number of the database whose keys `info` counts.
    ValueError where an argument will not do, before anything is sent.
    """

    def __init__(
        self,
        prefix: str,
        *,
        text_values: bool = False,
        text_names: bool = False,
        database: int = 0,
    ) -> None:
        self._prefix = prefix
        self._head = f"{prefix}:".encode()
        self._text_values = text_values
        self._text_names = text_names
        self._database = database

    def name(self, key: str) -> Name:
        """What the server knows `key` by."""
        if self._text_names:
            return f"{self._prefix}:{key}"
        return self._head + key.encode("utf-8", "surrogateescape")

    # Values

    def reading(self, keys: Sequence[str]) -> Command:
        """GET of one key, MGET of more."""
        # Names are made in line: this is on the path of every hit.
        if self._text_names:
            names: Sequence[Name] = [f"{self._prefix}:{key}" for key in keys]
        else:
            head = self._head
            names = [head + key.encode("utf-8", "surrogateescape") for key in keys]
        return ("MGET" if len(names) > 1 else "GET", *names)

    def get_many(self, keys: Sequence[str]) -> Exchange[list[bytes | None]]:
        command = self.reading(keys)
        if len(keys) == 1:
            return Exchange("get_many", [command], self.values, other_types_pass=True)
        return Exchange("get_many", [command], lambda replies: self.listed(replies[0], len(keys)))

    def get_each(self, keys: Sequence[str]) -> Exchange[list[bytes | None]]:
        """As `get_many`, with a command for each key."""
        commands = [("GET", self.name(key)) for key in keys]
        return Exchange("get_many", commands, self.values, other_types_pass=True)

    def add_then_get(
        self, adds: Sequence[Put], keys: Sequence[str]
    ) -> Exchange[list[bytes | None]]:
        commands: list[Command] = [self._setting(add, "NX") for add in adds]
        if keys:
            # MGET for a single key too: it is nil, not an error, on other types.
            commands.append(("MGET", *map(self.name, keys)))

        def read(replies: list[Any]) -> list[bytes | None]:
            return self.listed(replies[-1], len(keys)) if keys else []

        # Repeating it is safe: the second SET NX finds the first, and the read shows whose it is.
        return Exchange("add_then_get", commands, read)

    def put_many(self, puts: Sequence[Put]) -> Exchange[None]:
        return Exchange("put_many", [self._setting(put) for put in puts], _nothing)

    def settle(self, writes: Sequence[LeaseWrite], script: str = SETTLE) -> Exchange[list[bool]]:
        # Plain EVAL: the script is short, and a flushed script cache is then no case of its own.
        commands = [self._settling(write, script) for write in writes]
        # Not repeated on a lost connection: if the first try was carried out and gave the lease
        # up, the second would report that nothing was written.
        return Exchange("settle", commands, _truths, repeatable=False)

    def touch(self, touches: Sequence[Touch]) -> Exchange[None]:
        return Exchange("touch", list(map(self._touching, touches)), _nothing)

    def _touching(self, touch: Touch) -> Command:
        name, life_ms = self.name(touch.key), ttl_ms(touch.ttl_s)
        if touch.may_shorten:
            return ("PEXPIRE", name, life_ms)
        return ("EVAL", LENGTHEN, 1, name, life_ms)  # PEXPIRE GT needs Redis 7

    def remove(self, keys: Sequence[str]) -> Exchange[int]:
        return Exchange("remove", [("UNLINK", *map(self.name, keys))], _number)

    # Hashes

    def put_fields(self, fields: Sequence[FieldPut]) -> Exchange[None]:
        values: dict[Name, list[bytes | str]] = {}
        lives_ms: dict[Name, int] = {}
        for put in fields:
            name = self.name(put.key)
            field: Name = put.field
            if not self._text_names:
                field = put.field.encode("utf-8", "surrogateescape")
            values.setdefault(name, []).extend((field, self._encoded(put.value)))
            if put.ttl_s is not None:
                lives_ms[name] = ttl_ms(put.ttl_s)
        commands: list[Command] = [("HSET", name, *pairs) for name, pairs in values.items()]
        commands += [("PEXPIRE", name, life_ms) for name, life_ms in lives_ms.items()]
        return Exchange("put_fields", commands, _nothing)

    def get_fields(self, keys: Sequence[str]) -> Exchange[list[dict[str, bytes]]]:
        commands = [("HGETALL", self.name(key)) for key in keys]

        def read(replies: list[Any]) -> list[dict[str, bytes]]:
            return [self._fields(reply) for reply in replies]

        return Exchange("get_fields", commands, read, other_types_pass=True)

    # The store itself

    def scan_step(self, cursor: int, start: str) -> Exchange[tuple[int, list[str]]]:
        """From a cursor, 0 at first, to the next, 0 at last, and the keys met on the way."""
        pattern = self.name(start)
        if isinstance(pattern, bytes):
            pattern = pattern.decode("utf-8", "surrogateescape")
        pattern = glob_literal(pattern) + "*"
        sent = pattern if self._text_names else pattern.encode("utf-8", "surrogateescape")
        command = ("SCAN", cursor, "MATCH", sent, "COUNT", _SCAN_COUNT)

        def read(replies: list[Any]) -> tuple[int, list[str]]:
            following, names = of_length(replies[0], 2)
            return int(following), [self._key(name) for name in names]

        return Exchange("scan", [command], read)

    def ping(self) -> Exchange[None]:
        def read(replies: list[Any]) -> None:
            if _text(replies[0]) != _ECHO:
                raise NoAnswerError("the answer to a ping is not what was sent")

        return Exchange("ping", [("PING", _ECHO)], read)

    def info(self) -> Exchange[StoreInfo]:
        def read(replies: list[Any]) -> StoreInfo:
            return parsed_info(_text(replies[0]), self._database)

        return Exchange("info", [("INFO",)], read)

    def time(self) -> Exchange[float]:
        def read(replies: list[Any]) -> float:
            seconds, microseconds = of_length(replies[0], 2)
            return int(seconds) + int(microseconds) / 1e6

        return Exchange("now_s", [("TIME",)], read)

    # Replies

    def values(self, replies: list[Any]) -> list[bytes | None]:
        """From a reply for each key; an error that was let pass is None."""
        return [None if isinstance(reply, Exception) else self._decoded(reply) for reply in replies]

    def listed(self, reply: Any, length: int) -> list[bytes | None]:
        """From one reply that lists the values of so many keys."""
        found = of_length(reply, length)
        return [self._decoded(value) for value in found] if self._text_values else found

    def _fields(self, reply: Any) -> dict[str, bytes]:
        if isinstance(reply, Exception):
            return {}
        if not isinstance(reply, list) or len(reply) % 2:
            raise NoAnswerError("the answer is not a list of fields and values")
        return {
            _text(field): self._decoded(value) or b""
            for field, value in zip(reply[::2], reply[1::2], strict=True)
        }

    # Bytes

    def _setting(self, put: Put, *condition: str) -> Command:
        value, life_ms = self._encoded(put.value), ttl_ms(put.ttl_s)
        return ("SET", self.name(put.key), value, *condition, "PX", life_ms)

    def _settling(self, write: LeaseWrite, script: str) -> Command:
        lease, token = self.name(write.lease_key), self._encoded(write.token)
        held_ms = hold_ms(write.hold_s)
        if write.entry is None:
            return ("EVAL", script, 1, lease, token, held_ms)
        entry = write.entry
        name, value, life_ms = self.name(entry.key), self._encoded(entry.value), ttl_ms(entry.ttl_s)
        return ("EVAL", script, 2, lease, name, token, held_ms, value, life_ms)

    def _encoded(self, value: bytes) -> bytes | str:
        return to_text(value) if self._text_values else value

    def _decoded(self, reply: Any) -> bytes | None:
        if not self._text_values or reply is None:
            found: bytes | None = reply
            return found
        if not isinstance(reply, str | bytes):
            raise NoAnswerError("a value in the answer is not text")
        return from_text(reply)

    def _key(self, name: bytes | str) -> str:
        return _text(name)[len(self._prefix) + 1 :]


def _text(reply: Any) -> str:
    if isinstance(reply, bytes):
        return reply.decode("utf-8", "surrogateescape")
    return str(reply)


def _nothing(_: list[Any]) -> None:
    """The replies of commands that only do something; errors among them were raised before."""


def _number(replies: list[Any]) -> int:
    return whole_number(replies[0])


def _truths(replies: list[Any]) -> list[bool]:
    return [reply == 1 for reply in replies]
