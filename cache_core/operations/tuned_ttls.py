"""Who set the ttl that a namespace has now, and whether it may be changed without being asked.

Read from the audit, so it is the same for all processes of one database and outlives them. A ttl
that the audit does not account for was set by somebody else, and stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cache_core.cache import Cache
from cache_core.insight import wording
from cache_core.operations.access import Actor
from cache_core.operations.audit import AuditLog
from cache_core.operations.audit_rows import AuditRecord
from cache_core.operations.retuning import RETUNE, from_words
from cache_core.policy import Policy
from cache_core.retuning import read_ttls

AUTO_TUNE = Actor("auto-tune", "operator")
UNDO = "undo retune"
RESTS_S = 86_400.0
"""After a change of its own was undone, auto-tune leaves the namespace alone for so long."""

_SAME = 1e-4  # the audit says ttls to six digits


@dataclass(frozen=True, slots=True)
class LastRetune:
    """What the audit says of the last change. at_s: Unix time; before_s, after_s: the ttls."""

    at_s: float
    before_s: float
    after_s: float
    actor: str
    deed: str
    detail: str

    @property
    def is_own(self) -> bool:
        """Whether it was made on its own."""
        return self.actor == AUTO_TUNE.name and self.deed == RETUNE


@dataclass(frozen=True, slots=True)
class Standing:
    """The ttl of a namespace now. `last`: the change that made it so, if the audit knows."""

    policy: Policy
    ttl_s: float
    last: LastRetune | None

    @property
    def is_policys(self) -> bool:
        """Whether the policy's own ttl is in force."""
        return is_same(self.ttl_s, self.policy.ttl_s)

    @property
    def is_tuned(self) -> bool:
        """Whether auto-tune set it."""
        return self.last is not None and self.last.is_own

    @property
    def set_by(self) -> str:
        """Whose ttl it is, for people."""
        if self.is_tuned:
            return AUTO_TUNE.name
        if self.is_policys:
            return "its policy"
        return self.last.actor if self.last is not None else "somebody the audit does not know"

    def obstacle(self, now_s: float) -> str:
        """Why auto-tune leaves it alone, whatever is advised; empty where it does not."""
        low_s, high_s = self.policy.ttl_range_s
        if self.policy.sliding:
            return "Each read starts the life of its entry anew: there is no TTL to tune."
        if self.policy.keep_by_use:
            return "Each entry's life goes by its use: there is no one TTL to tune."
        if low_s >= high_s:
            return f"Its policy allows one TTL only, {wording.seconds(low_s)}."
        if self.last is not None and self.last.deed == UNDO:
            left_s = self.last.at_s + RESTS_S - now_s
            if left_s > 0:
                return (
                    f"{self.last.actor} undid the last change; it rests for another "
                    f"{wording.seconds(left_s)}."
                )
        elif not (self.is_policys or self.is_tuned):
            return (
                f"{_capital(self.set_by)} set {wording.seconds(self.ttl_s)}: that stands until it "
                f"is set back to {wording.seconds(self.policy.ttl_s)}."
            )
        return ""


def is_same(one_s: float, other_s: float) -> bool:
    """Whether two ttls are the same, as far as the audit tells them apart."""
    return math.isclose(one_s, other_s, rel_tol=_SAME)


def read_standings(cache: Cache, audit: AuditLog) -> dict[str, Standing]:
    """Of all namespaces of this process, by name; one round trip, and one query.

    Raises: StoreError; AuditUnreadableError.
    """
    policies = cache.namespaces()
    ttls_s = read_ttls(cache.store, sorted(policies))
    return standings(policies, ttls_s, audit.last_done((RETUNE, UNDO)))


def standings(
    policies: Mapping[str, Policy], ttls_s: Mapping[str, float], last: Mapping[str, AuditRecord]
) -> dict[str, Standing]:
    """The same, of what was read before."""
    found = {}
    for name, policy in sorted(policies.items()):
        ttl_s = policy.retuned(ttls_s[name]).ttl_s if name in ttls_s else policy.ttl_s
        changed = _last_retune(last[name]) if name in last else None
        # One that says another ttl was overtaken by what the audit does not know: a store that
        # lost its keys, a policy that changed, a process without this database.
        is_of_it = changed is not None and is_same(changed.after_s, ttls_s.get(name, policy.ttl_s))
        found[name] = Standing(policy, ttl_s, changed if is_of_it else None)
    return found


def _last_retune(record: AuditRecord) -> LastRetune | None:
    before_s, after_s = from_words(record.before), from_words(record.after)
    if before_s is None or after_s is None:
        return None
    at_s = (record.ended or record.at).timestamp()
    return LastRetune(at_s, before_s, after_s, record.actor, record.deed, record.detail)


def _capital(text: str) -> str:
    """For the beginning of a sentence; addresses and names stay as they are."""
    return text[0].upper() + text[1:] if " " in text else text
