"""Which node has which slot, which slot a command is for, and how the nodes are doing. No I/O."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from cache_core.stores.cluster_url import Node
from cache_core.stores.commands import Command
from cache_core.stores.replies import NoAnswerError

_FAILURES_TO_REFUSE = 3
_TRY_EVERY_S = 2.0
_RECENT_S = 5.0


def slot_of(command: Command) -> int:
    """Slot of the key a command names first."""
    name: Any = command[3 if command[0] == "EVAL" else 1]
    return key_slot(name)


class SlotMap:
    """The owner of each slot, as last heard. Safe between threads: what is read is never torn.

    `moved` is called when an owner is another one than before; be quick.
    """

    def __init__(self, seeds: Iterable[Node], moved: Callable[[], None] = lambda: None) -> None:
        self._seeds = tuple(seeds)
        self._moved = moved
        self._owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self.primaries: tuple[Node, ...] = ()
        self._replicas: tuple[Node, ...] = ()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that may know more: primaries, replicas, and those named at first."""
        return tuple(dict.fromkeys((*self.primaries, *self._replicas, *self._seeds)))

    def owner(self, slot: int) -> Node | None:
        """The primary that has `slot`, None if nobody has."""
        return self._owners[slot]

    def owners(self) -> list[Node | None]:
        """The owner of every slot, just now."""
        return self._owners.copy()

    def learn(self, slot: int, owner: Node) -> None:
        """Note what a single redirection said."""
        before, self._owners[slot] = self._owners[slot], owner
        if owner != before:
            self._moved()

    def replace(self, reply: Any, asked: Node) -> None:
        """Take over `asked`'s answer to CLUSTER SLOTS. NoAnswerError if it will not do."""
        owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        primaries: dict[Node, None] = {}
        replicas: dict[Node, None] = {}
        try:
            for first, last, primary, *others in reply:
                owner = _node(primary, asked)
                primaries[owner] = None
                replicas.update((_node(other, asked), None) for other in others)
                owners[first : last + 1] = [owner] * (last + 1 - first)
        except (TypeError, ValueError, AttributeError):
            raise NoAnswerError(f"{asked} does not say who has which slots") from None
        if not primaries or len(owners) != REDIS_CLUSTER_HASH_SLOTS:
            raise NoAnswerError(f"{asked} knows no node that has slots")
        before, self._owners = self._owners, owners
        self.primaries, self._replicas = tuple(sorted(primaries)), tuple(replicas)
        if owners != before:
            self._moved()


def _node(entry: Any, asked: Node) -> Node:
    """A node of CLUSTER SLOTS; one that does not know its own address is the one that was asked."""
    host, port = entry[0], int(entry[1])
    return Node(host.decode() if host else asked.host, port)


@dataclass(slots=True)
class _Health:
    failures: int = 0  # one after the other
    try_at: float = 0.0
    served_at: float = -math.inf


class Nodes:
    """How the nodes did lately, so that a dead one costs its deadline a few times and no more.

    Threads share this without a lock: what they may do twice is trying a node once more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._health: dict[Node, _Health] = {}

    def answered(self, node: Node, *, served: bool) -> None:
        """Note that it answered; `served`: with what was asked for, not with another node."""
        health = self._of(node)
        health.failures = 0
        if served:
            health.served_at = self._clock()

    def failed(self, node: Node) -> None:
        """Note that it gave no answer."""
        health = self._of(node)
        health.failures += 1
        health.try_at = self._clock() + _TRY_EVERY_S

    def failures(self, node: Node) -> int:
        """How often one after the other it has failed."""
        return self._of(node).failures

    def refuses(self, node: Node) -> bool:
        """Whether it is known to be down; now and then one caller is let through to find out."""
        health = self._of(node)
        if health.failures < _FAILURES_TO_REFUSE:
            return False
        now = self._clock()
        if now < health.try_at:
            return True
        health.try_at = now + _TRY_EVERY_S
        return False

    def any_serves(self) -> bool:
        """Whether some node served somebody just now."""
        since = self._clock() - _RECENT_S
        return any(
            not health.failures and health.served_at > since
            for health in list(self._health.values())
        )

    def _of(self, node: Node) -> _Health:
        return self._health.get(node) or self._health.setdefault(node, _Health())
