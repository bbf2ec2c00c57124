"""RESP2 over asyncio, with status and bulk replies kept apart, which drivers do not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tests.servers.listener import hang_up


@dataclass(frozen=True)
class Status:
    text: str


@dataclass(frozen=True)
class Failure:
    text: str


Reply = Status | Failure | bytes | int | None | list["Reply"]


def packed(command: Sequence[bytes]) -> bytes:
    """A command as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(command)]
    parts += [b"$%d\r\n%s\r\n" % (len(argument), argument) for argument in command]
    return b"".join(parts)


def commands_in(sent: bytes) -> list[list[bytes]]:
    """The commands in what a client sent at once."""
    found: list[list[bytes]] = []
    at = 0
    while at < len(sent):
        at, count = _header(sent, at, b"*")
        command = []
        for _ in range(count):
            at, length = _header(sent, at, b"$")
            command.append(sent[at : at + length])
            at += length + 2
        found.append(command)
    return found


def _header(sent: bytes, at: int, kind: bytes) -> tuple[int, int]:
    if sent[at : at + 1] != kind:
        raise ValueError(f"not a RESP command at byte {at}")
    end = sent.index(b"\r\n", at)
    return end + 2, int(sent[at + 1 : end])


class LazyConnection:
    """One connection to a Redis server, made when it is first asked."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, commands: Sequence[Sequence[bytes]]) -> list[Reply]:
        """Send the commands at once; one reply each."""
        if self._ends is None:
            self._ends = await asyncio.open_connection(*self._address, limit=2**20)
        reader, writer = self._ends
        writer.write(b"".join(packed(command) for command in commands))
        await writer.drain()
        return [await _reply(reader) for _ in commands]

    def close(self) -> None:
        """Safe to repeat; the next `ask` connects again."""
        if self._ends is not None:
            hang_up(self._ends[1])
            self._ends = None


async def _reply(reader: asyncio.StreamReader) -> Reply:
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, rest = line[:1], line[1:]
    if kind == b"+":
        return Status(rest.decode())
    if kind == b"-":
        return Failure(rest.decode("utf-8", "replace"))
    if kind == b":":
        return int(rest)
    length = int(rest)
    if length < 0:
        return None
    if kind == b"$":
        return (await reader.readexactly(length + 2))[:-2]
    return [await _reply(reader) for _ in range(length)]
