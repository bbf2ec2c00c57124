"""One call of a cached function, what the store showed of it, and what the caller gets."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from cache_core import envelope, keys
from cache_core.codec import Models
from cache_core.envelope import DamagedEntryError, Entry, OtherFormatError
from cache_core.events import Cause, Outcome
from cache_core.lease_token import Generations
from cache_core.policy import GROUP_MAX, Policy
from cache_core.stores.base import CacheCoreError

T = TypeVar("T")

Standing = Literal["fresh", "stale", "error", "gone"]


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A value and how it was come by.

    `outcome`: hit, stale, miss, or bypass (caching off, or the store out of reach). `age_s`:
    seconds since its source began. `ttl_left_s`: seconds it stays fresh, 0 if it was not kept;
    below 0 it has been stale for that long. `source_s`: seconds its source took, now or back then.
    `key`: the entry's name in the store. `cause`: why it missed: cold, expired, invalidated,
    damaged or version; None of any other outcome.
    """

    value: T
    outcome: Outcome
    age_s: float
    ttl_left_s: float
    source_s: float
    key: str
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A cached function with its arguments: all the read path needs to know.

    `names`: keys that are read together, the entry's and then those of its generations. `seal`: of
    the entry's key, for `envelope`. `group`: what its reads are counted under, beside it.
    `is_altered`: whether the source's arguments were altered since; None where they cannot be.
    """

    namespace: str
    policy: Policy
    models: Models
    entry_key: str
    lease_key: str
    tag_digests: tuple[bytes, ...]
    generation_keys: tuple[str, ...]
    names: tuple[str, ...]
    seal: int
    source: Callable[[], Any]
    label: str
    full_key: str
    is_async: bool
    group: str
    is_altered: Callable[[], bool] | None = None

    def was_altered(self, *, beside: bool = False) -> bool:
        """Whether a value may be one of other arguments than the key says.

        Asked where the source ran `beside` its caller: one that waits for it alters nothing.
        """
        beside = beside or self.policy.source_timeout_s is not None
        return beside and self.is_altered is not None and self.is_altered()


def make_call(
    prefix: str,
    namespace: str,
    policy: Policy,
    models: Models,
    digest: str,
    tags: Sequence[str],
    source: Callable[[], Any],
    label: str,
    is_async: bool = False,
    group: str | None = None,
    is_altered: Callable[[], bool] | None = None,
) -> Call:
    """A call from a digest of its arguments, the tags it carries and the group it belongs to."""
    entry_key = keys.entry_key(namespace, policy.version, digest)
    # Sorted: a function may give its tags as a set, whose order differs from process to process.
    tag_digests = tuple(sorted({keys.tag_digest(tag) for tag in tags}))
    if len(tag_digests) > envelope.TAGS_MAX:
        raise ValueError(f"{label}: {len(tag_digests)} tags; at most {envelope.TAGS_MAX} an entry")
    return _call(
        namespace,
        policy,
        models,
        entry_key,
        tag_digests,
        source=source,
        label=label,
        full_key=f"{prefix}:{entry_key}",
        is_async=is_async,
        group=_checked_group(label, group) if group is not None else keys.group_of(digest),
        is_altered=is_altered,
    )


def bare_call(
    namespace: str, models: Models, entry_key: str, tag_digests: tuple[bytes, ...]
) -> Call:
    """A call that can only be looked at: it has no source."""
    return _call(
        namespace,
        Policy(ttl_s=1),
        models,
        entry_key,
        tag_digests,
        source=lambda: None,
        label=namespace,
        full_key=entry_key,
        is_async=False,
        group=keys.group_of(entry_key.rpartition("{")[2]),
    )


def _call(
    namespace: str,
    policy: Policy,
    models: Models,
    entry_key: str,
    tag_digests: tuple[bytes, ...],
    *,
    source: Callable[[], Any],
    label: str,
    full_key: str,
    is_async: bool,
    group: str,
    is_altered: Callable[[], bool] | None = None,
) -> Call:
    generation_keys = (
        keys.namespace_generation_key(namespace),
        *map(keys.tag_generation_key, tag_digests),
    )
    return Call(
        namespace=namespace,
        policy=policy,
        models=models,
        entry_key=entry_key,
        lease_key=keys.lease_key(entry_key),
        tag_digests=tag_digests,
        generation_keys=generation_keys,
        names=(entry_key, *generation_keys),
        seal=envelope.seal_of(entry_key),
        source=source,
        label=label,
        full_key=full_key,
        is_async=is_async,
        group=group,
        is_altered=is_altered,
    )


def _checked_group(label: str, group: object) -> str:
    if not isinstance(group, str) or not 0 < len(group) <= GROUP_MAX:
        raise ValueError(f"{label}: group must be a text of 1 to {GROUP_MAX} characters")
    return group


def tags_in(raws: Mapping[str, bytes | None]) -> tuple[bytes, ...]:
    """Digests of the tags that entries (by key) carry, each once; what is none carries none."""
    found: dict[bytes, None] = {}
    for entry_key, raw in raws.items():
        if raw is not None:
            with contextlib.suppress(DamagedEntryError):
                entry = envelope.unpack(raw, envelope.seal_of(entry_key))
                found.update(dict.fromkeys(tag for tag, _ in entry.tags))
    return tuple(found)


@dataclass(slots=True)
class Look:
    """What the store showed of one call at one moment.

    `standing`: how the entry may be served: fresh; stale, while one reader refreshes it; error,
    only if the source fails; gone. `value` is set for fresh and stale. `before`: an entry that was
    there, even if it may not be served. `cause`: why this is a miss, when it is one. `policy`: the
    call's, as retuned, when a bid was made.
    """

    generations: Generations
    holder: bytes | None
    standing: Standing = "gone"
    cause: Cause = "cold"
    before: Entry | None = None
    value: Any = None
    policy: Policy | None = None

    def age_s(self, now_s: float) -> float | None:
        """Age of the value before; None if it was invalidated, or if clocks disagree about it."""
        if self.before is None or self.cause == "invalidated":
            return None
        age_s = now_s - self.before.created_s
        return age_s if age_s > 0 else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A read, and the entry from which others who waited for it make copies of their own.

    `stored`: whether the store took the entry just now. `ran_s`: seconds the source ran for this
    read, None if it did not. `failed`: what its source raised, where a stale value stands in.
    """

    read: Read[Any]
    entry: Entry | None = None
    stored: bool = False
    ran_s: float | None = None
    failed: Exception | None = None

    def because(self, cause: Cause) -> Answer:
        """The same, with the cause of the miss if it is one."""
        if self.read.outcome != "miss":
            return self
        return replace(self, read=replace(self.read, cause=cause))

    def past_store(self) -> Answer:
        """The same to a reader who could not ask the store: what missed, it may have hit."""
        if self.read.outcome != "miss":
            return self
        return replace(self, read=replace(self.read, outcome="bypass", cause=None))


class SourceTimeoutError(CacheCoreError):
    """A source took longer than `source_timeout_s` and there was nothing stale to serve."""


def fresh_left_s(call: Call, entry: Entry, now_s: float) -> float:
    """Seconds an entry stays fresh if nobody reads it; a sliding one has just been read."""
    left_s = entry.fresh_until_s - now_s
    return call.policy.ttl_s if math.isinf(left_s) else left_s


def served(call: Call, look: Look, outcome: Outcome, now_s: float) -> Answer:
    """The answer a servable entry gives."""
    entry = look.before
    assert entry is not None, "only an entry that was found is served"
    left_s = fresh_left_s(call, entry, now_s)
    if outcome != "stale":
        left_s = max(left_s, 0.0)  # it was fresh when it was looked at
    age_s = max(now_s - entry.created_s, 0.0)
    return Answer(Read(look.value, outcome, age_s, left_s, entry.source_s, call.full_key), entry)


def look_at(
    call: Call, raw: bytes | None, generations: Generations, holder: bytes | None, now_s: float
) -> Look:
    """Judge an entry by its bytes, the generations read with it, and the time."""
    look = Look(generations, holder)
    if raw is None:
        return look
    try:
        entry = envelope.unpack(raw, call.seal)
        look.before = entry
        look.cause = _why_not(call, entry, generations) or "expired"
        if look.cause != "expired":
            return look
        look.standing = _standing(entry, now_s)
        if look.standing in ("fresh", "stale"):
            look.value = entry.value(call.models)
    except OtherFormatError:
        look.cause = "version"
    except DamagedEntryError:
        look.standing, look.cause, look.before = "gone", "damaged", None
    return look


def _why_not(call: Call, entry: Entry, generations: Generations) -> Cause | None:
    """Why an entry may never be served again, or None."""
    if tuple(digest for digest, _ in entry.tags) != call.tag_digests:
        return "version"  # the function's tags were changed since
    if entry.namespace_generation != generations[0]:
        return "invalidated"
    # A generation that is gone (invalidated, or evicted) matches nothing.
    current = all(
        generation == found
        for (_, generation), found in zip(entry.tags, generations[1:], strict=True)
    )
    return None if current else "invalidated"


def _standing(entry: Entry, now_s: float) -> Standing:
    if now_s < entry.fresh_until_s:
        return "fresh"
    if now_s < entry.stale_until_s:
        return "stale"
    return "error" if now_s < entry.error_until_s else "gone"
