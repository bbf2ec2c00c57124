"""What a Redis Cluster is asked: every command names keys of one slot. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cache_core.stores.base import LeaseWrite, Put, StoreInfo
from cache_core.stores.cluster_slots import slot_of
from cache_core.stores.commands import Command, Commands, Exchange
from cache_core.stores.replies import NoAnswerError, whole_number
from cache_core.stores.scripts import SETTLE


class ClusterCommands(Commands):
    """As Commands, for keys that lie on many nodes."""

    def get_many(self, keys: Sequence[str]) -> Exchange[list[bytes | None]]:
        # MGET would save nothing: keys of one slot are rare, and while a slot moves it is refused
        # where single keys are answered.
        return self.get_each(keys)

    def add_then_get(
        self, adds: Sequence[Put], keys: Sequence[str]
    ) -> Exchange[list[bytes | None]]:
        reads = self.get_each(keys)
        # A key's add and its read go to one node in this order, so the read sees the add.
        commands = [*(self._setting(add, "NX") for add in adds), *reads.commands]

        def read(replies: list[Any]) -> list[bytes | None]:
            return self.values(replies[len(adds) :])

        return Exchange("add_then_get", commands, read, other_types_pass=True)

    def settle(self, writes: Sequence[LeaseWrite], script: str = SETTLE) -> Exchange[list[bool]]:
        for write in writes:
            entry = write.entry
            if entry is not None and self._slot(entry.key) != self._slot(write.lease_key):
                raise ValueError(
                    "an entry and its lease must lie in one slot of a Redis Cluster: give both "
                    "keys the same part in braces"
                )
        return super().settle(writes, script)

    def remove(self, keys: Sequence[str]) -> Exchange[int]:
        """An UNLINK for each slot, so that an entry and its lease go in one step."""
        by_slot: dict[int, list[str]] = {}
        for key in keys:
            by_slot.setdefault(self._slot(key), []).append(key)
        commands: list[Command] = [("UNLINK", *map(self.name, group)) for group in by_slot.values()]
        return Exchange("remove", commands, _sum)

    def remove_singly(self, keys: Sequence[str]) -> Exchange[int]:
        """For a slot that is on its way to another node, where several keys at once are refused.

        Twice, because an entry that its lease's owner writes between the two must go as well.
        """
        commands: list[Command] = [("UNLINK", self.name(key)) for key in keys]
        return Exchange("remove", commands * 2, _sum)

    def ping(self) -> Exchange[None]:
        """Whether a node is there and takes the cluster for working."""

        def read(replies: list[Any]) -> None:
            if b"cluster_state:ok" not in replies[0]:
                raise NoAnswerError("the cluster is down")

        return Exchange("ping", [("CLUSTER", "INFO")], read)

    def _slot(self, key: str) -> int:
        return slot_of(("GET", self.name(key)))


def summed(infos: Sequence[StoreInfo]) -> StoreInfo:
    """What the nodes say, as one store; None where one of them does not say."""

    def total(figures: Sequence[int | None]) -> int | None:
        known = [figure for figure in figures if figure is not None]
        return sum(known) if len(known) == len(figures) else None

    return StoreInfo(
        version=infos[0].version,
        used_bytes=total([info.used_bytes for info in infos]),
        limit_bytes=total([info.limit_bytes for info in infos]),
        keys=total([info.keys for info in infos]),
        evicted=total([info.evicted for info in infos]),
        eviction=infos[0].eviction if len({info.eviction for info in infos}) == 1 else None,
    )


def _sum(replies: list[Any]) -> int:
    return sum(map(whole_number, replies))
