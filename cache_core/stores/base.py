"""What a store promises: bytes under a key, for a while, and a few steps that cannot be torn apart.

Stores know nothing of policies, entries or figures. Expiry is kept by the store, so that two
processes agree on it. Every key handed in is relative: the store puts its own prefix in front, and
nothing it does can reach a key outside that prefix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class CacheCoreError(Exception):
    """Root of what fails at run time; bad arguments are ValueError or TypeError."""


class StoreError(CacheCoreError):
    """A store did not do what it was asked."""


class StoreUnavailableError(StoreError):
    """No answer within the deadline. Trying again may help."""


class StorePartUnavailableError(StoreUnavailableError):
    """The part of the store that has these keys gives no answer, while other parts serve."""


class StoreRejectedError(StoreError):
    """Answered no: token, quota, type of the key. Trying again will not help."""


class StorePartRejectedError(StoreRejectedError):
    """The part of the store that has these keys said no; other parts may say yes."""


@dataclass(frozen=True, slots=True)
class Put:
    """Bytes to keep under `key` for `ttl_s` seconds (> 0)."""

    key: str
    value: bytes
    ttl_s: float


@dataclass(frozen=True, slots=True)
class FieldPut:
    """Bytes to keep in one field of the hash `key`.

    `ttl_s`: seconds the whole hash lives from now on; None leaves its expiry as it is.
    """

    key: str
    field: str
    value: bytes
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True)
class LeaseWrite:
    """What the owner of a lease does with it, if `lease_key` still holds `token`.

    `hold_s`: 0 gives the lease up, above 0 keeps it for that many seconds from now.
    `entry`: written in the same step, or None to touch only the lease.
    """

    lease_key: str
    token: bytes
    hold_s: float = 0.0
    entry: Put | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """A new life for what is under `key`: `ttl_s` seconds (> 0) from now.

    `may_shorten`: False leaves alone what would live longer anyway.
    """

    key: str
    ttl_s: float
    may_shorten: bool = True


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself; None where it does not report a figure.

    `eviction`: which entries go when it is full, as Redis calls it: `noeviction`, `allkeys-lru` …
    """

    version: str | None = None
    used_bytes: int | None = None
    limit_bytes: int | None = None
    keys: int | None = None
    evicted: int | None = None
    eviction: str | None = None


class Store(Protocol):
    """Safe to share between threads. Calls raise StoreError, never the driver's own exception.

    Each method is one round trip, except `scan` (one a batch) and `close` (none).
    """

    @property
    def kind(self) -> str:
        """`memory`, `redis`, `cluster` or `upstash`."""

    @property
    def address(self) -> str:
        """Where the store is, for people: never a password or a token."""

    @property
    def prefix(self) -> str:
        """Put in front of every key, with a colon."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Value of each key in order, None when absent or expired; b"" is a value.

        One command: GET for one key, MGET for more. A key holding another type reads as None.
        """

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        """Put those of `adds` whose key is absent, then read `keys` as `get_many` does.

        The reads see the adds. Other clients may come between two steps, never before the first.
        """

    def put_many(self, puts: Sequence[Put]) -> None:
        """Replace what is under each key."""

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        """Carry out each write whose lease is still held; False where it is not.

        Each write is atomic by itself: no other client comes between the check and the write.
        """

    def touch(self, touches: Sequence[Touch]) -> None:
        """Let each key expire anew; one that is absent stays absent."""

    def remove(self, keys: Sequence[str]) -> int:
        """Delete the keys with one command; how many there were. Safe to repeat."""

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        """Overwrite single fields of hashes; the other fields stay."""

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        """All fields of each hash in order; an absent hash, or another type, is an empty dict."""

    def scan(self, start: str) -> Iterator[list[str]]:
        """Keys that begin with `start` (not empty), without the prefix, in batches; a key may come
        twice. Never blocks the server for long."""

    def ping(self) -> None:
        """Return when the store answers with as many bytes as a small entry has."""

    def now_s(self) -> float:
        """The store's clock, Unix seconds; of a store in this process, this machine's."""

    def info(self) -> StoreInfo:
        """What the store reports of its own state."""

    @property
    def aio(self) -> AsyncStore:
        """The same store for coroutines."""

    def close(self) -> None:
        """Give up connections, those of `aio` included, without waiting for anybody.

        Safe to repeat; later calls raise StoreUnavailableError.
        """


class AsyncStore(Protocol):
    """The calls of a Store for coroutines, with the same contracts; no threads.

    Connections belong to the event loop a call is made on. They are given up when it shuts down
    (asyncio.run does that), by `aclose`, and by the store's own `close`.
    """

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]: ...

    async def add_then_get(
        self, adds: Sequence[Put], keys: Sequence[str]
    ) -> list[bytes | None]: ...

    async def put_many(self, puts: Sequence[Put]) -> None: ...

    async def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]: ...

    async def touch(self, touches: Sequence[Touch]) -> None: ...

    async def remove(self, keys: Sequence[str]) -> int: ...

    async def ping(self) -> None: ...

    async def now_s(self) -> float: ...

    async def aclose(self) -> None:
        """Give up the connections of the running event loop. A later call makes new ones."""


# Whether a key is in a part of a store.
Part = Callable[[str], bool]


class ChangeListener(Protocol):
    """Is told what changed in a store, on threads of the store's: be quick."""

    def changed(self, keys: Sequence[str] | None, within: Part | None = None) -> None:
        """These keys were written, removed or expired; None: any may have been, of a part if one
        is given."""

    def unheard(self, within: Part | None = None) -> None:
        """From here on changes may be missed, until `changed(None)` says that they are heard; of
        a part if one is given."""


class Tracking(Protocol):
    """What a listener is told of: nothing at first."""

    def follow(self, starts: Sequence[str]) -> None:
        """Tell of keys that begin with one of these too. Soon: asks nobody and does not wait.

        No start may begin with another one.
        """

    def close(self) -> None:
        """Tell of nothing any more; safe to repeat."""


@runtime_checkable
class TracksChanges(Protocol):
    """A store whose server tells which keys were changed, by whomever."""

    def track(self, listener: ChangeListener) -> Tracking:
        """A way to tell `listener`, which is held weakly: when it is gone, the tracking ends."""


_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def checked_prefix(prefix: str) -> str:
    """`prefix` itself if it can keep one application apart from another, else ValueError."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(
            f"store prefix {prefix!r} will not do: use 1 to 64 letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit. It keeps this application's keys apart from others."
        )
    return prefix
