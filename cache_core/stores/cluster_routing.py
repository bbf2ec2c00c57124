"""What goes to which node of a Redis Cluster, and what follows from the replies. No I/O.

Each call is a generator of rounds: it yields what to send to which nodes at the same time, and is
given what came back. One driver carries the rounds out on a thread, another on an event loop.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError

from cache_core.stores.cluster_commands import ClusterCommands
from cache_core.stores.cluster_slots import Nodes, SlotMap, slot_of
from cache_core.stores.cluster_url import Node
from cache_core.stores.commands import Command, Exchange
from cache_core.stores.pool import PoolClosedError, PoolExhaustedError
from cache_core.stores.redis_errors import FAILURES
from cache_core.stores.replies import NoAnswerError, raise_errors

T = TypeVar("T")

# Redirections one call follows before it gives up; its deadline comes first nearly always.
_ROUNDS_MAX = 6
_SLOTS: Command = ("CLUSTER", "SLOTS")
_ASKING: Command = ("ASKING",)
# Places of replies to commands of our own.
_SLOTS_PLACE, _ASKING_PLACE = -1, -2
# What a command was answered that was not carried out; MOVED is a kind of ASK.
_NOT_DONE = (AskError, TryAgainError, ClusterDownError)
# While a node gives no answer, callers ask others no more often for who has its slots.
_REFRESH_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Round:
    """Commands for some nodes, all sent before any reply is waited for.

    batches: in the order of the nodes, so that whoever takes several connections never waits in a
        circle.
    share: of the time the call has left, that this round may take.
    repeatable: to be sent again on a new connection when an idle one turns out to be lost.
    """

    batches: Mapping[Node, Sequence[Command]]
    share: float = 1.0
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Failed:
    """Instead of replies. `sent`: the node may have carried the commands out."""

    cause: Exception
    sent: bool


Outcome = list[Any] | Failed
Rounds = Generator[Round, dict[Node, Outcome], T]


@dataclass(slots=True)
class _Progress:
    """How far an exchange has come."""

    replies: list[Any]
    waiting: list[int]  # places of the commands that have no reply yet
    asks: dict[int, Node] = field(default_factory=dict)  # where to send them once
    moved_to: Node | None = None  # who knows more of the slots than we do
    trouble: Exception | None = None


class Router:
    """Makes the rounds of each call. Threads share it.

    slots: who has what. nodes: how they do. clock: seconds that never go back.
    """

    def __init__(
        self, slots: SlotMap, nodes: Nodes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots = slots
        self._nodes = nodes
        self._clock = clock
        self._refreshed_at = -_REFRESH_EVERY_S

    def routed(self, exchange: Exchange[T]) -> Rounds[T]:
        """Each command to the primary that has its key, wherever that is by now.

        Redirections are followed. Where a node does not answer, or the cluster says to try again,
        the slots are asked for once and what was not carried out is sent once more.
        """
        commands = exchange.commands
        progress = _Progress([None] * len(commands), list(range(len(commands))))
        refreshed = not self._slots.primaries
        if refreshed:
            yield from self._refresh()
        for _ in range(_ROUNDS_MAX):
            batches = self._batches(commands, progress)
            if batches:
                outcomes = yield Round(
                    {node: [command for _, command in batches[node]] for node in sorted(batches)},
                    repeatable=exchange.repeatable,
                )
                for node, batch in batches.items():
                    self._sort(progress, node, batch, outcomes[node], exchange.repeatable)
            elif self._clock() - self._refreshed_at < _REFRESH_EVERY_S:
                break  # refused, and nobody knew better just now
            if not progress.waiting:
                raise_errors(progress.replies, other_types_pass=exchange.other_types_pass)
                return exchange.read(progress.replies)
            if progress.trouble is not None:
                if refreshed:
                    break
                refreshed = True
                try:
                    yield from self._refresh()
                except FAILURES:
                    break
        raise progress.trouble or NoAnswerError("the nodes redirect from one to the other")

    def removed(self, commands: ClusterCommands, keys: Sequence[str]) -> Rounds[int]:
        """Remove keys; how many there were, or fewer if their slots are on the move."""
        try:
            return (yield from self.routed(commands.remove(keys)))
        except TryAgainError:
            return (yield from self.routed(commands.remove_singly(keys)))

    def on_any(self, exchange: Exchange[T]) -> Rounds[T]:
        """To one primary, the first of those that do well; to others if it does not answer."""
        if not self._slots.primaries:
            yield from self._refresh()
        return (
            yield from self._first_answer(
                self._slots.primaries, exchange.commands, lambda _, replies: exchange.read(replies)
            )
        )

    def on(self, node: Node, exchange: Exchange[T]) -> Rounds[T]:
        """To this node."""
        outcomes = yield Round({node: exchange.commands})
        return self._read(node, outcomes[node], exchange)

    def on_all(self, exchange: Exchange[T]) -> Rounds[list[T]]:
        """To every primary at the same time."""
        nodes = self._slots.primaries or (yield from self.primaries())
        outcomes = yield Round(dict.fromkeys(nodes, exchange.commands))
        if any(isinstance(outcome, Failed) for outcome in outcomes.values()):
            nodes = yield from self.primaries()
            outcomes = yield Round(dict.fromkeys(nodes, exchange.commands))
        return [self._read(node, outcomes[node], exchange) for node in nodes]

    def primaries(self) -> Rounds[tuple[Node, ...]]:
        """Who they are just now, in a fixed order."""
        yield from self._refresh()
        return self._slots.primaries

    # Sending

    def _batches(
        self, commands: Sequence[Command], progress: _Progress
    ) -> dict[Node, list[tuple[int, Command]]]:
        """What to send to which node, with the places of the replies; in order within a node.

        What only a node could do that is known to give no answer goes on waiting, and is trouble.
        """
        places, asks, moved_to = progress.waiting, progress.asks, progress.moved_to
        progress.waiting, progress.asks, progress.moved_to, progress.trouble = [], {}, None, None
        batches: dict[Node, list[tuple[int, Command]]] = {}
        for place in places:
            node = asks.get(place) or self._slots.owner(slot_of(commands[place]))
            if node is None:
                progress.waiting.append(place)
                progress.trouble = ClusterDownError("no node has the slot of the key")
                continue
            batch = batches.setdefault(node, [])
            if place in asks:
                batch.append((_ASKING_PLACE, _ASKING))
            batch.append((place, commands[place]))
        for node in list(batches):
            if self._nodes.refuses(node):
                progress.waiting += [place for place, _ in batches.pop(node) if place >= 0]
                progress.trouble = ClusterDownError(f"{node} does not answer and is given a pause")
        if moved_to in batches:
            # No round trip of its own: where one slot has moved, others may have too.
            batches[moved_to].insert(0, (_SLOTS_PLACE, _SLOTS))
        return batches

    # Replies

    def _sort(
        self,
        progress: _Progress,
        node: Node,
        batch: list[tuple[int, Command]],
        outcome: Outcome,
        repeatable: bool,
    ) -> None:
        """Take what one node said; what it did not do goes on waiting."""
        if isinstance(outcome, Failed):
            self._failed(node, outcome)
            if outcome.sent and not repeatable:
                raise outcome.cause
            progress.trouble = outcome.cause
            progress.waiting = sorted(progress.waiting + [at for at, _ in batch if at >= 0])
            return
        served = False
        for (place, _), reply in zip(batch, outcome, strict=True):
            if place == _SLOTS_PLACE:
                with contextlib.suppress(NoAnswerError):
                    self._slots.replace(reply, node)
            elif place == _ASKING_PLACE:
                continue
            elif isinstance(reply, _NOT_DONE):
                progress.waiting = sorted([*progress.waiting, place])
                self._redirect(progress, node, place, reply)
            else:
                progress.replies[place] = reply
                served = True
        self._nodes.answered(node, served=served)

    def _redirect(self, progress: _Progress, node: Node, place: int, reply: Exception) -> None:
        if isinstance(reply, MovedError):
            progress.moved_to = Node(reply.host or node.host, reply.port)
            self._slots.learn(reply.slot_id, progress.moved_to)
        elif isinstance(reply, AskError):
            progress.asks[place] = Node(reply.host or node.host, reply.port)
        else:
            progress.trouble = reply

    def _read(self, node: Node, outcome: Outcome, exchange: Exchange[T]) -> T:
        if isinstance(outcome, Failed):
            self._failed(node, outcome)
            raise outcome.cause
        raise_errors(outcome, other_types_pass=exchange.other_types_pass)
        return exchange.read(outcome)

    def _failed(self, node: Node, outcome: Failed) -> None:
        if isinstance(outcome.cause, PoolExhaustedError | PoolClosedError):
            raise outcome.cause  # ours, not the node's
        self._nodes.failed(node)

    # Who has what

    def _refresh(self) -> Rounds[None]:
        yield from self._first_answer(
            self._slots.nodes,
            [_SLOTS],
            lambda node, replies: self._slots.replace(replies[0], node),
        )
        self._refreshed_at = self._clock()

    def _first_answer(
        self,
        nodes: Sequence[Node],
        commands: Sequence[Command],
        read: Callable[[Node, list[Any]], T],
    ) -> Rounds[T]:
        """From the first node that answers, those that do well first.

        Each may take half of the time that is left.
        """
        failure: Exception = NoAnswerError("no node is known")
        for node in sorted(nodes, key=self._nodes.failures):
            outcome = (yield Round({node: commands}, share=0.5))[node]
            if isinstance(outcome, Failed):
                self._failed(node, outcome)
                failure = outcome.cause
                continue
            self._nodes.answered(node, served=False)
            try:
                raise_errors(outcome, other_types_pass=False)
                return read(node, outcome)
            except NoAnswerError as exc:
                failure = exc
        raise failure
