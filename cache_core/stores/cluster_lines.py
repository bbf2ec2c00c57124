"""Connections of threads to the nodes of a cluster, and what they are asked in one round."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence

from cache_core.stores.cluster_routing import Failed, Outcome
from cache_core.stores.cluster_url import ClusterTarget, Node
from cache_core.stores.commands import Command
from cache_core.stores.pool import Pool, PoolClosedError
from cache_core.stores.redis_connection import AnyConnection, new_connection, pack
from cache_core.stores.redis_errors import FAILURES, is_lost_connection

# For reading what has come from the others when the time ran out waiting for one node.
_GRACE_S = 0.02


class Errand:
    """What one node is asked in one round, on a connection of its pool."""

    def __init__(
        self, pool: Pool[AnyConnection], commands: Sequence[Command], repeatable: bool, ends: float
    ) -> None:
        self._packed = b"".join(map(pack, commands))
        self._count = len(commands)
        self._repeatable = repeatable
        self._ends = ends
        self._pool = pool
        self._failed: Failed | None = None
        self._unread = False
        self._connection = connection = pool.take(ends)
        connection.ends = ends
        if not repeatable:
            connection.drop_if_stale()
        self._was_idle = connection.is_connected

    def send(self) -> None:
        """Send without waiting for replies; what goes wrong is told by `receive`."""
        self._unread = True
        try:
            self._connection.open()
        except FAILURES as exc:
            self._failed = Failed(exc, sent=False)
            return
        try:
            self._connection.send(self._packed)
        except FAILURES as exc:
            self._lost(exc)

    def receive(self) -> Outcome:
        """The replies, or what went wrong."""
        connection = self._connection
        if self._failed is None:
            connection.ends = max(self._ends, time.monotonic() + _GRACE_S)
            try:
                replies = connection.receive(self._count)
                self._unread = False
                return replies
            except FAILURES as exc:
                self._lost(exc)
        return self._failed if self._failed is not None else self._again()

    def end(self) -> None:
        """Give the connection back, without a reply that somebody else could take for theirs."""
        if self._unread:
            self._connection.disconnect()  # type: ignore[no-untyped-call]
        self._pool.give(self._connection)

    def _lost(self, exc: Exception) -> None:
        # A server that was restarted leaves connections that only look alive.
        if not (self._repeatable and self._was_idle and is_lost_connection(exc)):
            self._failed = Failed(exc, sent=True)

    def _again(self) -> Outcome:
        self._connection.ends = self._ends
        try:
            replies = self._connection.exchange(self._packed, self._count)
        except FAILURES as exc:
            return Failed(exc, sent=True)
        self._unread = False
        return replies


class NodePools:
    """A pool for each node; `known` says which nodes there are now."""

    def __init__(
        self, target: ClusterTarget, connect_timeout_s: float, known: Callable[[], Collection[Node]]
    ) -> None:
        self._target = target
        self._connect_timeout_s = connect_timeout_s
        self._known = known
        self._lock = threading.RLock()
        self._pools: dict[Node, Pool[AnyConnection]] = {}
        self._closed = False

    def of(self, node: Node) -> Pool[AnyConnection]:
        """The node's own. PoolClosedError after `close`."""
        return self._pools.get(node) or self._made(node)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for pool in self._pools.values():
                pool.close()

    def after_fork(self) -> None:
        self._lock = threading.RLock()
        for pool in self._pools.values():
            pool.after_fork()

    def _made(self, node: Node) -> Pool[AnyConnection]:
        at_node = self._target.at(node)
        with self._lock:
            if self._closed:
                raise PoolClosedError
            if node not in self._pools:
                # Now is the time to give up lines to nodes that left.
                for gone in self._pools.keys() - set(self._known()):
                    self._pools.pop(gone).close()
                self._pools[node] = Pool(
                    lambda: new_connection(at_node, self._connect_timeout_s),
                    at_node.max_connections,
                )
            return self._pools[node]
