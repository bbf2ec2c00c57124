"""What the benchmark asks of every cache: one surface, an adapter behind it for each."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

Source = Callable[[int], Any]
SourceMany = Callable[[list[int]], Any]
TAG = "group"


class NotOffered(Exception):  # noqa: N818 - an answer, not an error
    """This cache has nothing of the kind."""


@dataclass(frozen=True)
class Place:
    """Where the Redis server is. With `unix_path` the socket is meant, not the port."""

    port: int
    unix_path: str | None = None
    password: str | None = None

    @property
    def url(self) -> str:
        """As redis-py reads it."""
        login = f":{self.password}@" if self.password else ""
        if self.unix_path:
            return f"unix://{login}{self.unix_path}?db=0"
        return f"redis://{login}127.0.0.1:{self.port}/0"


class Peer:
    """One cache with one way to set it up, in one process.

    An async peer (`is_async`) takes coroutine functions as sources and gives back coroutine
    functions; all its work belongs to `loop`.
    """

    label: ClassVar[str]
    is_async: ClassVar[bool] = False

    def __init__(self, place: Place) -> None:
        self.place = place
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of an async peer, made when first asked for."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop

    def done(self, answer: Any) -> Any:
        """`answer` itself, or what it becomes when awaited in this peer's loop."""
        if inspect.isawaitable(answer):
            return self.loop.run_until_complete(answer)
        return answer

    def function(
        self, source: Source, *, ttl_s: float, stale_s: float = 0.0, tagged: bool = False
    ) -> Callable[[int], Any]:
        """`source`, cached. Stale values may be served for `stale_s` while they are refreshed.

        Raises: NotOffered if the cache cannot serve stale values or knows no tags.
        """
        raise NotImplementedError

    def batch(self, source: SourceMany, *, ttl_s: float) -> Callable[[list[int]], Any]:
        """A function of many keys whose values are cached one by one."""
        raise NotOffered

    def invalidate(self, function: Callable[[int], Any], key: int) -> Any:
        """Forget one answer."""
        raise NotOffered

    def invalidate_group(self) -> Any:
        """Forget whatever was made with `tagged`, or the nearest the cache has to that."""
        raise NotOffered

    @staticmethod
    def is_entry(key: bytes) -> bool:
        """Whether a value lies under this key of Redis, and nothing of the cache's own."""
        return True

    @staticmethod
    def forged(stored: bytes, payload: bytes) -> bytes:
        """What somebody who can write to Redis would put in place of `stored` to have `payload`,
        a pickle, loaded."""
        return payload

    def close(self) -> None:
        """Give up connections. Safe to skip: processes of the benchmark end soon."""


def source_many_of(source: Source) -> SourceMany:
    """A source of many keys from a plain source of one."""

    def many(keys: Sequence[int]) -> dict[int, Any]:
        return {key: source(key) for key in keys}

    return many
