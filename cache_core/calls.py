"""From a function's arguments to a call, quickly for arguments that were seen lately."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cache_core import keys
from cache_core.call import Call, make_call
from cache_core.codec import Models
from cache_core.policy import Policy

Arguments = tuple[Any, ...]

_KEPT_MAX = 1_024
_LONGEST_KEPT = 256
# Of these, values that are equal and of the same type have the same digest. Not floats: 0.0 and
# -0.0 are equal and differ.
_PLAIN = frozenset({str, int, bool, bytes, type(None)})


class Calls:
    """Makes the calls of one function, and keeps those with plain arguments for the next time.

    Args:
        prefix: of the store.
        label: names the function to people.
        key: from the arguments, a value that stands for them; it is asked each time, because it
            may look at more than the arguments.
    """

    def __init__(
        self,
        prefix: str,
        namespace: str,
        policy: Policy,
        source: Callable[..., Any],
        models: Models,
        label: str,
        *,
        is_async: bool,
        key: Callable[..., Any] | None,
    ) -> None:
        self._source = source
        self._tags = policy.tags or ()
        self._group = policy.group
        self._digest = keys.ArgumentsDigest(source)
        self._key = key
        self._make = functools.partial(
            make_call, prefix, namespace, policy, models, label=label, is_async=is_async
        )
        self._kept: dict[Any, Call] = {}

    def __call__(self, args: Arguments, kwargs: dict[str, Any]) -> Call:
        """The call with these arguments. TypeError if one of them has no stable digest."""
        tags = self._tags
        names = tuple(tags(*args, **kwargs) if callable(tags) else tags)
        seen = self._seen(args, kwargs, names)
        if seen is not None and (call := self._kept.get(seen)) is not None:
            return call
        digest = self._digest_of(args, kwargs)
        group = self._group
        call = self._make(
            digest=digest,
            tags=names,
            source=functools.partial(self._source, *args, **kwargs),
            group=group(*args, **kwargs) if callable(group) else group,
            is_altered=None
            if seen is not None
            else functools.partial(self._is_altered, args, kwargs, digest),
        )
        if seen is not None and all(_is_short(part) for part in (*args, *kwargs.values())):
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[seen] = call
        return call

    def _digest_of(self, args: Arguments, kwargs: dict[str, Any]) -> str:
        if self._key is None:
            return self._digest(args, kwargs)
        return keys.value_digest("key", self._key(*args, **kwargs))

    def _is_altered(self, args: Arguments, kwargs: dict[str, Any], digest: str) -> bool:
        """Whether arguments are not any more what this was the digest of."""
        if _PLAIN.issuperset(map(type, (*args, *kwargs.values()))):
            return False
        try:
            return self._digest_of(args, kwargs) != digest
        except Exception:  # noqa: BLE001  # what has no digest any more; altered in the middle of it
            return True

    def _seen(
        self, args: Arguments, kwargs: dict[str, Any], names: tuple[str, ...]
    ) -> object | None:
        """What tells this call from every other; None if that takes more than a look."""
        kinds = tuple(map(type, args))
        if self._key is not None or not _PLAIN.issuperset(kinds):
            return None
        if not _PLAIN.issuperset(map(type, names)):
            return None
        if not kwargs:
            return args, kinds, names
        named_kinds = tuple(map(type, kwargs.values()))
        if not _PLAIN.issuperset(named_kinds):
            return None
        return args, kinds, names, tuple(kwargs.items()), named_kinds


def _is_short(part: object) -> bool:
    return not isinstance(part, (str, bytes)) or len(part) <= _LONGEST_KEPT
