"""A real Redis Cluster of a test's own: primaries and replicas as processes on loopback."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.servers.redis_server import RedisServer, free_port

_READY_S = 30.0
# Small while the cluster forms, so that it forms soon; large afterwards where nobody is to fail.
_FORMING_MS = 500
_PATIENT_MS = 15_000
# Nodes speak to each other on a port so far above.
_BUS_OFFSET = 10_000


class ClusterNode(RedisServer):
    """One node. Its folder keeps the node's own name, so that it comes back as itself, empty."""

    def __init__(self, *options: str) -> None:
        super().__init__(
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            str(_FORMING_MS),
            # A cluster whose every slot goes down with one node has nothing left to test.
            "--cluster-require-full-coverage",
            "no",
            # A replica whose primary dies at once has never synchronised for long.
            "--cluster-replica-validity-factor",
            "0",
            "--repl-diskless-sync",
            "yes",
            "--repl-diskless-sync-delay",
            "0",
            *options,
        )

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def ask(self, *command: Any) -> Any:
        """One command on a connection of its own; its answer as the server gives it."""
        with self.client() as client:
            client.response_callbacks.clear()  # which would make dictionaries of some
            return client.execute_command(*command)

    def cluster(self, *command: Any) -> str:
        """A CLUSTER command that answers with text."""
        answer: bytes = self.ask("CLUSTER", *command)
        return answer.decode()

    def _start_anywhere(self) -> None:
        for _ in range(50):
            self.port = free_port()
            if _is_free(self.port + _BUS_OFFSET) and self._start():
                return
        raise RuntimeError("a cluster node did not start")


class RedisCluster:
    """Three primaries that share all slots evenly, in the order of `primaries`.

    Args:
        replicas: of each primary; `replicas[i]` begins as the one of `primaries[i]`.
        node_timeout_ms: after which the others take a silent node for dead.
        options: of every node's command line.
    """

    def __init__(
        self, *options: str, replicas: int = 0, node_timeout_ms: int = _PATIENT_MS
    ) -> None:
        number = 3 * (1 + replicas)
        with ThreadPoolExecutor(number) as pool:
            nodes = list(pool.map(lambda _: ClusterNode(*options), range(number)))
        self.primaries, self.replicas = nodes[:3], nodes[3:]
        self.nodes = nodes
        self._slots_given: set[int] = set()
        try:
            self._form(node_timeout_ms)
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """Names the first two primaries; a client finds the others."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.primaries[:2])
        return f"redis+cluster://{hosts}/0"

    def key_at(self, node: ClusterNode, prefix: str, stem: str = "k") -> str:
        """A key of a store that lies on a primary, as the slots were shared out at first."""
        keys = map(f"{stem}{{}}".format, itertools.count())
        return next(key for key in keys if self.owner(f"{prefix}:{key}") is node)

    def tag_at(self, node: ClusterNode, stem: str) -> str:
        """What to put in braces, so that keys lie on a primary, whatever their prefix.

        No two tags share a slot: one test may move it where the next would not look.
        """
        tags = map(f"{stem}{{}}".format, itertools.count())
        own = (tag for tag in tags if self.owner(tag) is node)
        tag = next(tag for tag in own if _slot(tag) not in self._slots_given)
        self._slots_given.add(_slot(tag))
        return tag

    def owner(self, name: str) -> ClusterNode:
        """The primary that a name lies on, as the slots were shared out at first."""
        return self.primaries[_slot(name) * 3 // REDIS_CLUSTER_HASH_SLOTS]

    def begin_to_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """From here on the source sends clients that ask for absent keys to the target."""
        target.cluster("SETSLOT", slot, "IMPORTING", source.cluster("MYID"))
        source.cluster("SETSLOT", slot, "MIGRATING", target.cluster("MYID"))

    def move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Move what is in a slot, and then the slot."""
        self.begin_to_move(slot, source, target)
        self.finish_move(slot, source, target)

    def finish_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        while names := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.ask("MIGRATE", *target.address, "", 0, 5000, "KEYS", *names)
        for node in (target, source, *self.primaries):
            node.cluster("SETSLOT", slot, "NODE", target.cluster("MYID"))

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def _form(self, node_timeout_ms: int) -> None:
        bounds = [-(-REDIS_CLUSTER_HASH_SLOTS * part // 3) for part in range(4)]
        for at, node in enumerate(self.primaries):
            node.cluster("ADDSLOTS", *range(bounds[at], bounds[at + 1]))
        for at, node in enumerate(self.nodes):
            node.cluster("SET-CONFIG-EPOCH", at + 1)
            for other in self.nodes[:at]:
                node.cluster("MEET", *other.address)
        for at, node in enumerate(self.replicas):
            primary = self.primaries[at % 3].cluster("MYID")
            until(lambda node=node, name=primary: name in node.cluster("NODES"))  # type: ignore[misc]
            node.cluster("REPLICATE", primary)
        until(self.agrees)
        for node in self.nodes:
            node.ask("CONFIG", "SET", "cluster-node-timeout", node_timeout_ms)

    def agrees(self) -> bool:
        """Whether every node sees the whole cluster working."""
        return all(self._sees_all(node) for node in self.nodes)

    def _sees_all(self, node: ClusterNode) -> bool:
        state = node.cluster("INFO")
        lines = node.cluster("NODES").splitlines()
        slaves = sum("slave" in line and "fail" not in line for line in lines)
        return (
            "cluster_state:ok" in state
            and f"cluster_known_nodes:{len(self.nodes)}" in state
            and "cluster_size:3" in state
            and slaves == len(self.replicas)
            and all(" connected" in line for line in lines)
            and (
                node in self.primaries
                or b"master_link_status:up" in node.ask("INFO", "replication")
            )
        )


def until(happened: Callable[[], bool]) -> None:
    """Return as soon as it has; a failure after half a minute."""
    ends = time.monotonic() + _READY_S
    while not happened():
        if time.monotonic() > ends:
            raise AssertionError("the cluster did not get there")
        time.sleep(0.02)


def _slot(name: str) -> int:
    number: int = key_slot(name.encode())
    return number


def _is_free(port: int) -> bool:
    if port > 65_535:
        return False
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
