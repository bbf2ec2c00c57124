"""The Redis Cluster store for coroutines: the same rounds, on the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from cache_core.stores.asking import AsyncAsking
from cache_core.stores.base import StoreUnavailableError
from cache_core.stores.cluster_commands import ClusterCommands
from cache_core.stores.cluster_errors import cluster_error
from cache_core.stores.cluster_routing import Failed, Outcome, Round, Rounds, Router
from cache_core.stores.cluster_slots import Nodes
from cache_core.stores.cluster_url import ClusterTarget, Node
from cache_core.stores.commands import Exchange
from cache_core.stores.loops import PerLoop, hear_hangups
from cache_core.stores.redis_connection import pack
from cache_core.stores.redis_errors import FAILURES, is_lost_connection
from cache_core.stores.redis_line import Lines

_T = TypeVar("_T")


class AsyncClusterStore(AsyncAsking):
    """Implements AsyncStore; made by ClusterStore, whose arguments see."""

    _commands: ClusterCommands

    def __init__(
        self,
        target: ClusterTarget,
        commands: ClusterCommands,
        router: Router,
        nodes: Nodes,
        known: Callable[[], Collection[Node]],
        *,
        timeout_s: float,
        connect_timeout_s: float,
    ) -> None:
        self._address = target.address
        self._commands = commands
        self._router = router
        self._nodes = nodes
        self._timeout_s = timeout_s
        self._closed = False
        self._lines = PerLoop(lambda: _NodeLines(target, connect_timeout_s, known))

    async def remove(self, keys: Sequence[str]) -> int:
        if not keys:
            return 0
        return await self._run("remove", self._router.removed(self._commands, keys))

    async def ping(self) -> None:
        await self._run("ping", self._router.on_any(self._commands.ping()))

    async def now_s(self) -> float:
        return await self._run("now_s", self._router.on_any(self._commands.time()))

    async def aclose(self) -> None:
        self._lines.close_running()
        await asyncio.sleep(0)  # what closes does so at the loop's next step

    def close(self) -> None:
        """Refuse further calls and give up the connections of all loops; from any thread."""
        self._closed = True
        self._lines.close_all()

    def after_fork(self) -> None:
        """In the child: lines of its own."""
        self._lines.after_fork()

    # Rounds

    async def _ask(self, exchange: Exchange[_T]) -> _T:
        return await self._run(exchange.operation, self._router.routed(exchange))

    async def _run(self, operation: str, rounds: Rounds[_T]) -> _T:
        """Carry a call out; what the driver raises comes out as a StoreError."""
        where = f"{operation} on {self._address}"
        if self._closed:
            raise StoreUnavailableError(f"{where}: the store is closed")
        ends = asyncio.get_running_loop().time() + self._timeout_s
        try:
            wanted = next(rounds)
            while True:
                wanted = rounds.send(await self._round(wanted, ends))
        except StopIteration as done:
            result: _T = done.value
            return result
        except FAILURES as exc:
            raise cluster_error(exc, where, self._timeout_s, self._nodes) from exc

    async def _round(self, wanted: Round, ends: float) -> dict[Node, Outcome]:
        left_s = ends - asyncio.get_running_loop().time()
        if left_s <= 0:
            raise TimeoutError
        ends -= left_s * (1 - wanted.share)
        lines = self._lines.get()
        if not wanted.repeatable:
            await hear_hangups()
        errands = [
            _outcome(lines.of(node), b"".join(map(pack, commands)), len(commands), wanted, ends)
            for node, commands in wanted.batches.items()
        ]
        if len(errands) == 1:
            outcomes = [await errands[0]]
        else:
            # Each sends before it waits, so all have sent before any has its replies.
            outcomes = await asyncio.gather(*errands)
        return dict(zip(wanted.batches, outcomes, strict=True))


async def _outcome(lines: Lines, packed: bytes, count: int, wanted: Round, ends: float) -> Outcome:
    """What one node answers in one round."""
    outcome = await _once(lines, packed, count, ends)
    if (
        isinstance(outcome, Failed)
        and outcome.sent
        and wanted.repeatable
        and is_lost_connection(outcome.cause)
    ):
        # A server that was restarted leaves connections that only look alive.
        return await _once(lines, packed, count, ends, fresh=True)
    return outcome


async def _once(
    lines: Lines, packed: bytes, count: int, ends: float, *, fresh: bool = False
) -> Outcome:
    try:
        line = await lines.take(ends, fresh=fresh)
    except FAILURES as exc:
        return Failed(exc, sent=False)
    try:
        return await line.exchange(packed, count, ends)
    except FAILURES as exc:
        return Failed(exc, sent=True)
    finally:
        lines.give(line)


class _NodeLines:
    """The lines of one event loop to each node; `known` says which nodes there are now."""

    def __init__(
        self, target: ClusterTarget, connect_timeout_s: float, known: Callable[[], Collection[Node]]
    ) -> None:
        self._target = target
        self._connect_timeout_s = connect_timeout_s
        self._known = known
        self._lines: dict[Node, Lines] = {}

    def of(self, node: Node) -> Lines:
        """Those to this node."""
        lines = self._lines.get(node)
        if lines is None:
            # Now is the time to give up lines to nodes that left.
            for gone in self._lines.keys() - set(self._known()):
                self._lines.pop(gone).close()
            lines = self._lines[node] = Lines(self._target.at(node), self._connect_timeout_s)
        return lines

    def close(self) -> None:
        for lines in self._lines.values():
            lines.close()

    def bury(self) -> None:
        for lines in self._lines.values():
            lines.bury()
