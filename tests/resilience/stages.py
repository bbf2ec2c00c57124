"""A store of each kind on servers of its own, over lines that can be made to fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cache_core.stores import OpenStore, open_store
from tests.servers.faulty_line import FaultyLine, LineFault
from tests.servers.redis_cluster import RedisCluster, until
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront

REMOTE = ("redis", "upstash", "cluster")
KINDS = ("memory", *REMOTE)


@dataclass
class Stage:
    """Where one kind of store is, and what can be broken there.

    `servers` keep the data; every byte between them and a store made by `open` runs over `lines`.
    """

    kind: str
    url: str
    servers: Sequence[RedisServer] = ()
    lines: Sequence[FaultyLine] = ()
    front: RestFront | None = None
    cluster: RedisCluster | None = None
    tested: OpenStore | None = None  # what the test in progress uses

    def open(self, prefix: str, *, timeout_s: float = 10.0) -> OpenStore:
        """A store object there."""
        return open_store(
            self.url,
            prefix=prefix,
            token=self.front.token if self.front else None,
            timeout_s=timeout_s,
            connect_timeout_s=timeout_s,
        )

    def set_line_fault(self, fault: LineFault | None, late_s: float = 3.0) -> None:
        for line in self.lines:
            line.late_s = late_s
            line.fault = fault

    def tell(self, *command: object) -> None:
        """One command to each server, past the lines."""
        for server in self.servers:
            with server.client() as client:
                client.execute_command(*command)

    def mend(self) -> None:
        """Put right whatever a test left broken."""
        self.set_line_fault(None)
        if self.front:
            self.front.fault = None

    def stop(self) -> None:
        for line in self.lines:
            line.stop()
        if self.front:
            self.front.stop()
        for server in self.servers:
            server.stop()


def set_up(kind: str) -> Stage:
    """The stage of a kind of store."""
    match kind:
        case "memory":
            return Stage(kind, "memory://")
        case "redis":
            server = RedisServer()
            line = FaultyLine(server.port)
            return Stage(kind, f"redis://127.0.0.1:{line.port}/0", [server], [line])
        case "upstash":
            server = RedisServer()
            front = RestFront(server.url)
            line = FaultyLine(front.port)
            return Stage(kind, f"http://127.0.0.1:{line.port}", [server], [line], front)
        case "cluster":
            return _set_up_cluster()
        case _:
            raise ValueError(kind)


def _set_up_cluster() -> Stage:
    """Each node says that it is found at its line; the nodes speak to each other beside it."""
    cluster = RedisCluster()
    lines = [FaultyLine(node.port) for node in cluster.primaries]
    for node, line in zip(cluster.primaries, lines, strict=True):
        node._options += (
            *("--cluster-announce-port", str(line.port)),
            *("--cluster-announce-bus-port", str(node.port + 10_000)),
        )
        node.restart()
    announced = {str(line.port) for line in lines}
    until(lambda: all(set(_ports(node.cluster("NODES"))) == announced for node in cluster.nodes))
    until(cluster.agrees)
    url = f"redis+cluster://127.0.0.1:{lines[0].port},127.0.0.1:{lines[1].port}/0"
    return Stage("cluster", url, cluster.nodes, lines, cluster=cluster)


def _ports(nodes: str) -> Iterator[str]:
    """Those of the addresses in the answer of CLUSTER NODES."""
    for line in nodes.splitlines():
        address = line.split()[1].partition("@")[0]
        yield str(urlsplit(f"//{address}").port)
