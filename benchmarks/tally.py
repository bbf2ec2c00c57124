"""Counting the calls on one connection: what was sent together, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import hiredis

from tests.servers.resp import commands_in

# What a new connection says before its first command is not the cost of a call.
_HANDSHAKE = frozenset({"AUTH", "SELECT", "HELLO", "CLIENT"})


class Tally:
    """Round trips of one connection, each with all that was sent in it.

    A round trip begins when whatever was sent before has been answered: a client that sends many
    commands at once may have the first replies while it is still sending.
    """

    def __init__(self) -> None:
        self.bursts: list[bytearray] = []
        self._replies = 0
        self._reader = hiredis.Reader()

    def sent(self, data: bytes) -> None:
        """By the client."""
        if not self.bursts or self._replies >= sum(_names(self.bursts[-1]).values()):
            self.bursts.append(bytearray())
            self._replies = 0
        self.bursts[-1] += data

    def answered(self, data: bytes) -> None:
        """By the server."""
        self._reader.feed(data)
        while self._reader.gets() is not False:
            self._replies += 1


def summed(tallies: Iterable[Tally]) -> tuple[int, Counter[str]]:
    """Round trips, and commands by name, handshakes left out."""
    round_trips = 0
    names: Counter[str] = Counter()
    for tally in tallies:
        for burst in tally.bursts:
            found = _names(burst)
            for name in _HANDSHAKE & found.keys():
                del found[name]
            round_trips += bool(found)
            names += found
    return round_trips, names


def _names(sent: bytearray) -> Counter[str]:
    return Counter(command[0].decode().upper() for command in commands_in(bytes(sent)))
