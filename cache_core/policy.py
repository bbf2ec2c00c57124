"""How long the entries of one cached function live, and which of its values are kept at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from numbers import Real
from typing import Any

from cache_core import keys

MAX_BYTES_DEFAULT = 1_000_000

# Of a group's name.
GROUP_MAX = 40

# How long an entry nobody may be served any more stays readable: it tells an expired miss from a
# cold one, and whether the data had changed. Never longer than the entry's own life.
_AFTERLIFE_MAX_S = 3600.0

# Beyond ten years a number is a mistake, and a store may refuse it when the source has run already.
_LONGEST_S = 10 * 366 * 86_400.0

# By how much operators may retune a ttl, unless the policy says otherwise.
_RETUNE_FACTOR = 10.0

_SECONDS_OR_NONE = ("none_ttl_s", "source_timeout_s", "ttl_min_s", "ttl_max_s")
_MAY_BE_NONE = (*_SECONDS_OR_NONE, "staleness_budget")
_UNITS = {"jitter": "", "early_refresh": "", "staleness_budget": "", "max_bytes": " of bytes"}
_NUMBERS = (
    "ttl_s",
    "stale_while_revalidate_s",
    "stale_if_error_s",
    "near_ttl_s",
    *_SECONDS_OR_NONE,
    *_UNITS,
)

Tags = Iterable[str] | Callable[..., Iterable[str]]
Group = str | Callable[..., str]


class CacheTTL(IntEnum):
    """Seconds an entry stays fresh, by what it holds. DASHBOARD_STATS is an alias of USER_DATA."""

    USER_DATA = 300
    LEARNING_METRICS = 600
    STATIC_PATTERNS = 3600
    SESSION_DATA = 1800
    DASHBOARD_STATS = 300


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one namespace. All durations are seconds.

    Args:
        ttl_s: an entry is fresh for this long, > 0.
        stale_while_revalidate_s: for so long after `ttl_s` it is served stale while one reader's
            background refresh replaces it (RFC 5861, section 3).
        stale_if_error_s: for so long after `ttl_s` it is served when the source raises (RFC 5861,
            section 4).
        jitter: share of `ttl_s` by which an entry may live shorter, 0 to 0.5, so that entries
            written together do not expire together.
        early_refresh: eagerness with which readers of an entry near its expiry volunteer, by lot,
            to have it computed anew beside them (`freshness.is_due_early`), so that nobody waits
            when a key that is read often expires; above 1 earlier, 0 never, at most 10.
        near_ttl_s: how long a copy may be served from this process without asking the store; 0
            is off, and never longer than `ttl_s`.
        sliding: each read starts `ttl_s` anew, to within a twentieth of it.
        keep_by_use: an entry begins with half of `ttl_s`, and lives longer each time that it is
            asked for again and computed to the same value: by as long as the value stood. It begins
            anew when the value changed, when it was invalidated, and when it was forgotten because
            nobody asked. At most it lives `ttl_max_s`, by default four times `ttl_s`.
        none_ttl_s: lifetime of a None answer; by default None lives as long as any value.
        cache_if: says of a value whether to keep it; by default every value is kept.
        max_bytes: a larger entry is returned and counted, not stored.
        source_timeout_s: how long a read of one key waits for the source before it is served stale
            or raises SourceTimeoutError; the source finishes beside it and its value is kept. None
            waits for ever.
        ttl_min_s, ttl_max_s: between what `ttl_s` may be retuned while the app runs; by default a
            tenth of it and ten times it.
        staleness_budget: share of reads, 0 to 1, that may be answered with outdated data where
            advice or auto-tune chooses `ttl_s`; by default what the app says, 0.05.
        version: part of the key; raise it when the meaning of the value changes.
        tags: names an entry can be invalidated by, or a function of the call's arguments giving
            them.
        group: under which name the entry's reads are counted together with others', or a function
            of the call's arguments giving it, at most 40 characters; shown to every viewer, so a
            plan, a region or a digest, never what a user wrote. By default each key is counted by
            itself, under the beginning of its digest.
    Raises: ValueError naming the two durations that contradict each other, or the field that is
        out of bounds; TypeError naming the field that is of the wrong kind.
    """

    ttl_s: float
    stale_while_revalidate_s: float = 0.0
    stale_if_error_s: float = 0.0
    jitter: float = 0.05
    early_refresh: float = 1.0
    near_ttl_s: float = 0.0
    sliding: bool = False
    keep_by_use: bool = False
    none_ttl_s: float | None = None
    cache_if: Callable[[Any], bool] | None = None
    max_bytes: int = MAX_BYTES_DEFAULT
    source_timeout_s: float | None = None
    ttl_min_s: float | None = None
    ttl_max_s: float | None = None
    staleness_budget: float | None = None
    version: int | str = 1
    tags: Tags | None = None
    group: Group | None = None

    def __post_init__(self) -> None:
        self._refuse_other_than_numbers()
        self._refuse_bad_numbers()
        self._refuse_other_kinds()
        self._refuse_contradictions()
        if self.tags is not None and not callable(self.tags):
            # A generator would give its names to the first call alone.
            object.__setattr__(self, "tags", tag_names(self.tags))
            for name in self.tags:
                keys.tag_digest(name)

    def _refuse_other_than_numbers(self) -> None:
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is None and name in _MAY_BE_NONE:
                continue
            if isinstance(value, bool) or not isinstance(value, Real):
                unit = _UNITS.get(name, " of seconds")
                raise TypeError(f"{name} must be a number{unit}, not {value!r}")

    def _refuse_bad_numbers(self) -> None:
        for name in ("ttl_s", *_SECONDS_OR_NONE):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds <= _LONGEST_S:
                raise ValueError(
                    f"{name} must be a number of seconds above 0 and at most ten years, "
                    f"not {seconds!r}"
                )
        for name in ("stale_while_revalidate_s", "stale_if_error_s", "near_ttl_s"):
            seconds = getattr(self, name)
            if not 0 <= seconds <= _LONGEST_S:
                raise ValueError(
                    f"{name} must be 0 or a number of seconds up to ten years, not {seconds!r}"
                )
        if not 0 <= self.jitter <= 0.5:
            raise ValueError(f"jitter is a share of ttl_s from 0 to 0.5, not {self.jitter!r}")
        if not 0 <= self.early_refresh <= 10:
            raise ValueError(f"early_refresh is a number from 0 to 10, not {self.early_refresh!r}")
        if self.staleness_budget is not None and not 0 <= self.staleness_budget <= 1:
            raise ValueError(
                f"staleness_budget is a share of reads from 0 to 1, not {self.staleness_budget!r}"
            )
        if self.max_bytes <= 0:
            raise ValueError(f"max_bytes must be above 0, not {self.max_bytes!r}")

    def _refuse_other_kinds(self) -> None:
        for name in ("sliding", "keep_by_use"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, not {getattr(self, name)!r}")
        if self.cache_if is not None and not callable(self.cache_if):
            raise TypeError(f"cache_if must be a function of the value, not {self.cache_if!r}")
        if isinstance(self.version, bool) or not isinstance(self.version, (int, str)):
            raise TypeError(f"version must be a number or a text, not {self.version!r}")
        keys.checked_version(self.version)
        if self.group is not None and not callable(self.group):
            if not isinstance(self.group, str):
                raise TypeError(f"group must be a text or a function, not {self.group!r}")
            if not 0 < len(self.group) <= GROUP_MAX:
                raise ValueError(f"group must be a text of 1 to {GROUP_MAX} characters")

    def _refuse_contradictions(self) -> None:
        if self.near_ttl_s > self.ttl_s:
            raise ValueError(
                f"near_ttl_s ({self.near_ttl_s:g}) is longer than ttl_s ({self.ttl_s:g}): "
                "a copy in this process would outlive the entry it copies"
            )
        if self.none_ttl_s is not None and self.none_ttl_s > self.ttl_s:
            raise ValueError(
                f"none_ttl_s ({self.none_ttl_s:g}) is longer than ttl_s ({self.ttl_s:g}): "
                "a missing answer would be kept longer than a found one"
            )
        low_s, high_s = self.ttl_min_s or self.ttl_s, self.ttl_max_s or self.ttl_s
        if not low_s <= self.ttl_s <= high_s:
            raise ValueError(
                f"ttl_s ({self.ttl_s:g}) is not between ttl_min_s ({low_s:g}) and ttl_max_s "
                f"({high_s:g})"
            )
        for name in ("stale_while_revalidate_s", "stale_if_error_s"):
            if self.sliding and getattr(self, name):
                raise ValueError(
                    f"sliding and {name} ({getattr(self, name):g}) contradict each other: "
                    "an entry whose life begins anew with each read is never stale while it is read"
                )

        if self.keep_by_use and self.sliding:
            raise ValueError(
                "sliding and keep_by_use contradict each other: reads lengthen a sliding entry's "
                "life, whether or not its value has changed"
            )
        if self.keep_by_use and self.ttl_range_s[0] >= self.ttl_range_s[1]:
            low_s, high_s = self.ttl_range_s
            raise ValueError(
                f"keep_by_use has nothing to choose: an entry lives at least {low_s:g} s "
                f"(ttl_min_s, near_ttl_s or none_ttl_s) and at most {high_s:g} s (ttl_max_s)"
            )

    @property
    def ttl_range_s(self) -> tuple[float, float]:
        """The shortest and the longest `ttl_s` that it may be retuned to."""
        low_s = self.ttl_min_s or self.ttl_s / _RETUNE_FACTOR
        high_s = self.ttl_max_s or min(self.ttl_s * _RETUNE_FACTOR, _LONGEST_S)
        return max(low_s, self.near_ttl_s, self.none_ttl_s or 0.0), high_s

    def retuned(self, ttl_s: float) -> Policy:
        """The same rules with another `ttl_s`, or with the nearest one in `ttl_range_s`."""
        low_s, high_s = self.ttl_range_s
        # Every miss of a retuned namespace comes here, and checking all rules anew takes five times
        # as long: what lies in that range contradicts none. Not kept by equality either, as a
        # `cache_if` need not be hashable.
        twin = object.__new__(Policy)
        for name in Policy.__slots__:
            object.__setattr__(twin, name, getattr(self, name))
        object.__setattr__(twin, "ttl_s", min(max(ttl_s, low_s), high_s))
        return twin

    def slides(self, value: object) -> bool:
        """Whether reads of this value start its life anew; a None with a life of its own is not."""
        return self.sliding and not (value is None and self.none_ttl_s is not None)

    def is_kept_by_use(self, value: object) -> bool:
        """Whether this value's life goes by its use; a None with a life of its own does not."""
        return self.keep_by_use and not (value is None and self.none_ttl_s is not None)

    def fresh_s(self, value: object, draw: float) -> float:
        """Seconds `value` stays fresh; `draw` in [0, 1) chooses within the jitter."""
        ttl_s = self.none_ttl_s if value is None and self.none_ttl_s is not None else self.ttl_s
        return self.spread_s(ttl_s, draw)

    def spread_s(self, ttl_s: float, draw: float) -> float:
        """A life with its jitter, seconds."""
        return ttl_s * (1.0 - self.jitter * draw)

    def kept_s(self, fresh_s: float) -> float:
        """Seconds the store keeps an entry that is fresh for `fresh_s`."""
        life_s = fresh_s + max(self.stale_while_revalidate_s, self.stale_if_error_s)
        return life_s + min(life_s, _AFTERLIFE_MAX_S)


def policy_of(policy: Policy | None, rules: dict[str, Any]) -> Policy:
    """A policy, amended by the fields given beside it; or one of those fields alone.

    Raises: ValueError without a ttl, or if the rules contradict each other; TypeError naming a
        rule there is not.
    """
    if policy is not None:
        return replace(policy, **rules) if rules else policy
    if "ttl_s" not in rules:
        raise ValueError("say how long an answer stays fresh: ttl_s=..., or policy=...")
    return Policy(**rules)


def tag_names(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as a tuple. ValueError for one text, whose letters would be names; TypeError."""
    if isinstance(tags, str):
        raise ValueError(f"tags must be a list of names or a function, not the text {tags!r}")
    if not isinstance(tags, Iterable):
        raise TypeError(f"tags must be a list of names or a function, not {tags!r}")
    return tuple(tags)
