"""What `@cache.cached` makes of a function: the same call, answered from the cache where it can."""

from __future__ import annotations

import copy
import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    cast,
    overload,
)

from cache_core import codec, run_again
from cache_core.ahead import MayRun
from cache_core.batch_source import SourceMany
from cache_core.call import Call, Read
from cache_core.calls import Arguments, Calls
from cache_core.policy import Policy

if TYPE_CHECKING:
    from cache_core.cache import Cache
    from cache_core.stores.base import Store

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Function:
    """A source with its namespace and rules."""

    namespace: str
    policy: Policy
    source: Callable[..., Any]
    label: str
    models: codec.Models
    key: Callable[..., Any] | None
    source_many: Callable[[list[Arguments]], Any] | None
    is_async: bool

    @classmethod
    def of(
        cls,
        namespace: str,
        policy: Policy,
        source: Callable[..., Any],
        key: Callable[..., Any] | None,
        source_many: Callable[[list[Arguments]], Any] | None,
    ) -> Function:
        """The function a decorator was put on."""
        return cls(
            namespace=namespace,
            policy=policy,
            source=source,
            label=f"{source.__module__}.{getattr(source, '__qualname__', namespace)}",
            models=cls.models_of(source),
            key=key,
            source_many=source_many,
            is_async=inspect.iscoroutinefunction(source),
        )

    def difference(self, there: Function) -> str | None:
        """What tells this function from the one that was `there`, in words; None if it is that
        one, run again."""
        found = run_again.difference(self.source, there.source)
        if found is None and self.source_many is not None and there.source_many is not None:
            found = run_again.held_difference(self.source_many, there.source_many)
            return None if found is None else f"has a source_many that {found}"
        return found

    @staticmethod
    def models_of(source: Callable[..., Any]) -> dict[str, type]:
        """Dataclasses and other models named by a function's return annotation."""
        if not getattr(source, "__annotations__", None):
            return {}
        try:
            return codec.models_named_by(typing.get_type_hints(source).get("return"))
        except (NameError, TypeError, AttributeError):
            # Names that exist only for the type checker: such values are returned, not kept, and
            # the warning about them says to name them in the annotation.
            return {}

    def calls(self, prefix: str) -> Calls:
        """What makes calls of this function, for a store of this prefix."""
        return Calls(
            prefix,
            self.namespace,
            self.policy,
            self.source,
            self.models,
            self.label,
            is_async=self.is_async,
            key=self.key,
        )


class _Cached:
    """What both kinds share."""

    def __init__(self, cache: Cache, function: Function) -> None:
        functools.update_wrapper(cast("Callable[..., Any]", self), function.source)
        self._cache = cache
        self._function = function
        self._calls: Callable[[Arguments, dict[str, Any]], Call] = function.calls(
            cache.store.prefix
        )
        self._first: Arguments = ()  # what a method was bound to

    @property
    def store(self) -> Store:
        """Where answers are kept."""
        return self._cache.store

    @property
    def namespace(self) -> str:
        """Names this function's entries in keys and figures."""
        return self._function.namespace

    @property
    def undecorated(self) -> Callable[..., Any]:
        """The source: what is called where the cache has no answer."""
        return self._function.source

    @property
    def policy(self) -> Policy:
        """The rules this function's entries live by."""
        return self._function.policy

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        """As a method of `instance`, which is then the first of all arguments.

        Type checkers are not told that it is: they would take it from a cached function that an
        object has for an attribute, too.
        """
        if instance is None:
            return self
        calls = self._calls
        bound = copy.copy(self)
        bound._calls = lambda args, kwargs: calls((instance, *args), kwargs)
        bound._first = (*self._first, instance)
        return bound

    def key(self, *args: Any, **kwargs: Any) -> str:
        """Name of the entry for these arguments in the store."""
        return self._calls(args, kwargs).full_key

    def _batch(
        self, arguments: Iterable[Arguments]
    ) -> tuple[list[Call], list[int], SourceMany | None]:
        """Different calls, where each asked-for one stands among them, and their common source."""
        asked = [tuple(args) for args in arguments]
        at: dict[str, int] = {}
        calls: list[Call] = []
        different: list[Arguments] = []
        places = []
        for args in asked:
            call = self._calls(args, {})
            if call.entry_key not in at:
                at[call.entry_key] = len(calls)
                calls.append(call)
                different.append((*self._first, *args))
            places.append(at[call.entry_key])
        many = self._function.source_many
        if many is None:
            return calls, places, None
        return calls, places, lambda positions: many([different[p] for p in positions])


class CachedFunction(_Cached, Generic[P, T]):
    """A cached plain function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The value, from the cache where it is fresh. Raises what the source raises."""
        value: T = self._cache.reader.value(self._calls(args, kwargs))
        return value

    def read(self, *args: P.args, **kwargs: P.kwargs) -> Read[T]:
        """The value and how it was come by."""
        return self._cache.reader.read(self._calls(args, kwargs))

    def read_many(self, arguments: Iterable[Arguments]) -> list[Read[T]]:
        """A Read for each argument tuple, in order: one round trip for all that are fresh."""
        calls, places, many = self._batch(arguments)
        reads = self._cache.reader.read_many(calls, many)
        return _apart(reads, places)

    def warm(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Make sure the answer is fresh, ahead of any reader; True if the source had to run.

        Raises: what the source raises, also where readers would be served a stale answer instead;
            CacheCoreError if the answer cannot be kept, or is left stale to somebody else.
        """
        return self._cache.reader.warm(self._calls(args, kwargs))

    def fetch_ahead(
        self, arguments: Iterable[Arguments], may_run: MayRun = lambda number: True
    ) -> list[Read[T] | None]:
        """A Read for each argument tuple, in order, ahead of any reader and not counted as reads.

        One round trip for what is fresh (outcome `hit`). What is missing is computed (`miss`) if
        `may_run`, told how many, says so; None if not, and where somebody else is at it already.
        `stale`: what is there has expired and is served meanwhile, or because its source failed.
        Raises: what the source raises, unless something stale is served instead.
        """
        calls, places, many = self._batch(arguments)
        reads = self._cache.reader.fetch_ahead(calls, many, may_run)
        return [reads[place] for place in places]

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> Read[T]:
        """Compute now and replace what is stored."""
        return self._cache.reader.renew(self._calls(args, kwargs))

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Forget the answer for these arguments; a compute under way will not be stored."""
        self._cache.forget_entry(self.namespace, self._calls(args, kwargs).entry_key)

    def clear(self) -> None:
        """Forget every answer of this function."""
        self._cache.clear(self.namespace)


class AsyncCachedFunction(_Cached, Generic[P, T]):
    """A cached `async def` function: as CachedFunction, awaited."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The value, from the cache where it is fresh. Raises what the source raises."""
        value: T = await self._cache.reader.value_async(self._calls(args, kwargs))
        return value

    async def read(self, *args: P.args, **kwargs: P.kwargs) -> Read[T]:
        """The value and how it was come by."""
        return await self._cache.reader.read_async(self._calls(args, kwargs))

    async def read_many(self, arguments: Iterable[Arguments]) -> list[Read[T]]:
        """A Read for each argument tuple, in order."""
        calls, places, many = self._batch(arguments)
        return _apart(await self._cache.reader.read_many_async(calls, many), places)

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> Read[T]:
        """Compute now and replace what is stored."""
        return await self._cache.reader.renew_async(self._calls(args, kwargs))

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Forget the answer for these arguments; a compute under way will not be stored."""
        entry_key = self._calls(args, kwargs).entry_key
        await self._cache.aio.forget_entry(self.namespace, entry_key)

    async def clear(self) -> None:
        """Forget every answer of this function."""
        await self._cache.aio.clear(self.namespace)


class Decorator(Protocol):
    """Makes a cached function of a function, and an awaited one of an `async def`."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # the first that fits is meant
        self, source: Callable[P, Awaitable[T]], /
    ) -> AsyncCachedFunction[P, T]: ...

    @overload
    def __call__(self, source: Callable[P, T], /) -> CachedFunction[P, T]: ...


def _apart(reads: Sequence[Read[T]], places: Sequence[int]) -> list[Read[T]]:
    """Reads in the order asked for. Arguments asked for twice share one value."""
    return [reads[place] for place in places]
