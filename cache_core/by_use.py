"""Lives by use (`Policy.keep_by_use`): long for what is asked for again and stays the same.

An entry begins with half of `ttl_s`, so what is asked for once is soon gone. When it is asked for
again while it can still be compared, and its value turns out the same, it lives longer by the time
it stood: its life is half of `ttl_s` plus as long as the value is known to have been the same. When
the value changed, when the entry was invalidated, or when nobody asked for so long that the store
forgot it, it begins anew.

All of that is known when a value is computed, from the entry it replaces: no further field, no
command, and nothing on a hit.

Source: V. Cate, Alex: a Global Filesystem, USENIX File Systems Workshop 1992 (a copy is trusted for
    a share of the time its original has stood unchanged); J. Gwertzman and M. Seltzer, World-Wide
    Web Cache Consistency, USENIX 1996, who found it to cost least; RFC 9111, section 4.2.2, which
    suggests a share of 10 %. Ours is the whole, between bounds: docs/insight/lives_by_use.md.
"""

from __future__ import annotations

import math

from cache_core.envelope import Entry
from cache_core.events import Incident
from cache_core.policy import Policy

_FIRST = 0.5
# Where the policy says nothing: longer lives gained little in hits and cost much in staleness.
_LONGEST = 4.0


def range_s(policy: Policy, own: Policy) -> tuple[float, float]:
    """The first and the longest life under `policy`, which is `own` or `own` retuned, seconds.

    Never outside `own.ttl_range_s`: generations outlive what lives no longer than that.
    """
    low_s, high_s = own.ttl_range_s
    longest_s = own.ttl_max_s or policy.ttl_s * _LONGEST
    first_s = max(policy.ttl_s * _FIRST, low_s)
    return first_s, max(min(longest_s, high_s), first_s)


def ttl_s(policy: Policy, own: Policy, same: Entry | None, now_s: float) -> float:
    """How long what was just computed shall be fresh, jitter aside, seconds.

    Args:
        policy, own: as for `range_s`.
        same: the entry that it replaces, if that ended by its age and has the same value.
        now_s: when computing began, Unix time.
    """
    first_s, longest_s = range_s(policy, own)
    if same is None:
        return first_s
    # Replicas whose clocks differ may see an entry from the future: it has not stood at all.
    stood_s = max(now_s - same.created_s, 0.0)
    # In a batch the sources of others are in it too; what is given is bounded all the same.
    before_s = same.fresh_until_s - same.created_s - same.source_s
    if not math.isfinite(before_s):  # it slid, under an earlier policy
        before_s = first_s
    return min(max(before_s + stood_s, first_s), longest_s)


def incident(given_s: float, policy: Policy) -> Incident:
    """What a life counts as, beside the `ttl_s` of the policy."""
    if given_s == policy.ttl_s:
        return "kept_usual"
    return "kept_longer" if given_s > policy.ttl_s else "kept_shorter"


def living(entry: Entry, fresh_until_s: float) -> Entry:
    """The entry with another end of its life; for how long it may be stale stays as it was."""
    longer_s = fresh_until_s - entry.fresh_until_s
    return entry._replace(
        fresh_until_s=fresh_until_s,
        stale_until_s=entry.stale_until_s + longer_s,
        error_until_s=entry.error_until_s + longer_s,
    )
