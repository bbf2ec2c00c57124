"""Redis Cluster over TCP or TLS, on the same connections as a single server.

The driver's own cluster client retries, sleeps and begins anew by rules of its own, past any
deadline. Here a call sends to all nodes concerned, then reads from all, and one deadline spans it
all: redirections and a look at who has which slots included.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator, Sequence
from typing import TypeVar

from cache_core.extras import missing

try:
    import hiredis  # noqa: F401
    import redis  # noqa: F401
except ImportError as exc:
    raise missing("a redis+cluster:// store needs redis-py with its parser", "redis") from exc

from cache_core.stores.arguments import checked_start
from cache_core.stores.asking import Asking
from cache_core.stores.base import (
    ChangeListener,
    StoreInfo,
    StoreUnavailableError,
    checked_prefix,
)
from cache_core.stores.cluster_aio import AsyncClusterStore
from cache_core.stores.cluster_commands import ClusterCommands, summed
from cache_core.stores.cluster_errors import cluster_error
from cache_core.stores.cluster_lines import Errand, NodePools
from cache_core.stores.cluster_routing import Outcome, Round, Rounds, Router
from cache_core.stores.cluster_slots import Nodes, SlotMap
from cache_core.stores.cluster_tracking import ClusterTracking
from cache_core.stores.cluster_url import Node, parse_cluster_url
from cache_core.stores.commands import Exchange
from cache_core.stores.forks import mend_after_fork
from cache_core.stores.redis_connection import new_connection
from cache_core.stores.redis_errors import FAILURES
from cache_core.stores.tracking import RedisTracking

_T = TypeVar("_T")


class ClusterStore(Asking):
    """Implements Store on a Redis Cluster, 5 or later.

    An entry and its lease must lie in one slot, by the same part in braces; all else may lie
    anywhere. Each method is one round trip to each node concerned, all at the same time; learning
    who has which slots, and following a key that has moved, is one more. `scan` may miss keys
    whose slot moves meanwhile.

    A node that gives no answer concerns calls for its keys only: they raise StoreUnavailableError,
    after a few failures at once. Every two seconds one of them is let through to try again.

    Args:
        url: `redis+cluster://` or `rediss+cluster://` and one or more nodes; options as for
            RedisStore, `max_connections` counting those to one node.
        prefix: of every key.
        timeout_s: of each call as a whole, seconds.
        connect_timeout_s: of it, for making a connection.
    """

    kind = "cluster"
    _commands: ClusterCommands

    def __init__(
        self, url: str, *, prefix: str, timeout_s: float = 1.0, connect_timeout_s: float = 0.5
    ) -> None:
        target = parse_cluster_url(url)
        self.prefix = checked_prefix(prefix)
        self.address = target.address
        self._timeout_s = timeout_s
        self._closed = False
        self._target = target
        self._connect_timeout_s = connect_timeout_s
        trackings: weakref.WeakSet[ClusterTracking] = weakref.WeakSet()
        self._trackings = trackings

        def moved() -> None:
            for tracking in list(trackings):
                tracking.look()

        self._slots = slots = SlotMap(target.seeds, moved)
        self._nodes = Nodes()
        self._router = Router(slots, self._nodes)
        self._commands = ClusterCommands(prefix, text_values=target.text_values)
        self._pools = NodePools(target, connect_timeout_s, lambda: slots.nodes)
        self.aio = AsyncClusterStore(
            target,
            self._commands,
            self._router,
            self._nodes,
            lambda: slots.nodes,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
        )
        mend_after_fork(self)

    def __repr__(self) -> str:
        return f"ClusterStore({self.address!r}, prefix={self.prefix!r})"

    def remove(self, keys: Sequence[str]) -> int:
        return self._run("remove", self._router.removed(self._commands, keys)) if keys else 0

    def scan(self, start: str) -> Iterator[list[str]]:
        checked_start(start)
        self._check_open("scan")
        return self._batches(start)

    def ping(self) -> None:
        self._run("ping", self._router.on_any(self._commands.ping()))

    def now_s(self) -> float:
        return self._run("now_s", self._router.on_any(self._commands.time()))

    def info(self) -> StoreInfo:
        return summed(self._run("info", self._router.on_all(self._commands.info())))

    def track(self, listener: ChangeListener) -> ClusterTracking:
        """Tell `listener` of changes, over one more connection to each primary; Redis 6 or later.

        What is told of one node only, an interruption above all, is told of the keys that it has.
        """
        tracking = ClusterTracking(
            self._tracking_at,
            listener,
            self._slots,
            lambda: self._run("changes", self._router.primaries()),
            prefix=self.prefix,
        )
        self._trackings.add(tracking)
        return tracking

    def close(self) -> None:
        self._closed = True
        for tracking in list(self._trackings):
            tracking.close()
        self._pools.close()
        self.aio.close()

    def after_fork(self) -> None:
        """In the child: lines of its own."""
        self._pools.after_fork()
        self.aio.after_fork()

    def _tracking_at(self, node: Node, listener: ChangeListener) -> RedisTracking:
        at_node = self._target.at(node)
        return RedisTracking(
            lambda: new_connection(at_node, self._connect_timeout_s),
            listener,
            prefix=self.prefix,
            address=at_node.address,
            timeout_s=self._timeout_s,
        )

    # Rounds

    def _batches(self, start: str) -> Iterator[list[str]]:
        for node in self._run("scan", self._router.primaries()):
            cursor = 0
            while True:
                step = self._commands.scan_step(cursor, start)
                cursor, keys = self._run("scan", self._router.on(node, step))
                if keys:
                    yield keys
                if cursor == 0:
                    break

    def _ask(self, exchange: Exchange[_T]) -> _T:
        return self._run(exchange.operation, self._router.routed(exchange))

    def _run(self, operation: str, rounds: Rounds[_T]) -> _T:
        """Carry a call out; what the driver raises comes out as a StoreError."""
        self._check_open(operation)
        ends = time.monotonic() + self._timeout_s
        try:
            wanted = next(rounds)
            while True:
                wanted = rounds.send(self._round(wanted, ends))
        except StopIteration as done:
            result: _T = done.value
            return result
        except FAILURES as exc:
            where = f"{operation} on {self.address}"
            raise cluster_error(exc, where, self._timeout_s, self._nodes) from exc

    def _round(self, wanted: Round, ends: float) -> dict[Node, Outcome]:
        """Send to all, then read from all."""
        left_s = ends - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        ends -= left_s * (1 - wanted.share)
        errands: dict[Node, Errand] = {}
        try:
            for node, commands in wanted.batches.items():
                errands[node] = Errand(self._pools.of(node), commands, wanted.repeatable, ends)
                errands[node].send()
            return {node: errand.receive() for node, errand in errands.items()}
        finally:
            for errand in errands.values():
                errand.end()

    def _check_open(self, operation: str) -> None:
        if self._closed:
            raise StoreUnavailableError(f"{operation} on {self.address}: the store is closed")
