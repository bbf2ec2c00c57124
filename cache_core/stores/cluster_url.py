"""Reading a redis+cluster:// or rediss+cluster:// URL, without repeating its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from cache_core.stores.redis_url import RedisTarget, parse_redis_url


class Node(NamedTuple):
    """Where one server of a cluster listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ClusterTarget:
    """Where a cluster is and how to speak to each of its nodes.

    seeds: the nodes the URL names, which are asked for the others.
    """

    address: str
    seeds: tuple[Node, ...]
    text_values: bool
    _node: RedisTarget = field(repr=False)

    def at(self, node: Node) -> RedisTarget:
        """How to connect to one node."""
        return replace(
            self._node,
            address=f"{'rediss' if self._node.tls else 'redis'}://{node}",
            options={**self._node.options, "host": node.host, "port": node.port},
        )


def parse_cluster_url(url: str) -> ClusterTarget:
    """Read `url`; ValueError that says what to change and repeats no part that may be secret."""
    scheme, _, rest = url.strip().partition("://")
    ends = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    login, at, hosts = rest[:ends].rpartition("@")
    # Each node is read as a URL of its own, so that one place knows what a Redis URL may hold.
    plain = scheme.removesuffix("+cluster")
    targets = [
        parse_redis_url(f"{plain}://{login}{at}{host}{rest[ends:]}") for host in hosts.split(",")
    ]
    first = targets[0]
    if first.options["db"]:
        raise ValueError(
            "a Redis Cluster has only database 0: end the URL with /0, and keep applications apart "
            "by prefix"
        )
    seeds = tuple(Node(target.options["host"], target.options["port"]) for target in targets)
    address = f"{scheme}://{','.join(map(str, seeds))}/0"
    return ClusterTarget(address, seeds, first.text_values, first)
