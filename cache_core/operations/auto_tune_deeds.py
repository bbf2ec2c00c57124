"""What operators do about auto-tune: stop it and allow it, undo a change, put all back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cache_core.cache import Cache
from cache_core.logs import log
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog
from cache_core.operations.retuning import in_words, known_policy, log_retuned, retune
from cache_core.operations.tuned_ttls import (
    RESTS_S,
    UNDO,
    Standing,
    is_same,
    read_standings,
)
from cache_core.operations.tuning_state import (
    Round,
    Stop,
    read_stop,
    read_stop_and,
    round_in,
    round_key,
    write_stop,
)
from cache_core.retuning import write_ttl

Mode = Literal["off", "suggest", "apply"]
EVERYWHERE = "every namespace"


@dataclass(frozen=True, slots=True)
class AutoTuneStatus:
    """How it stands, for all replicas. stop: None while it may act; last: None before a round."""

    mode: Mode
    stop: Stop | None
    last: Round | None
    standings: dict[str, Standing]

    def verdict(self, namespace: str, now_s: float) -> tuple[float | None, str]:
        """The ttl that a namespace gets next, None for no change; and why, in words.

        Of what people decided: as it is now. Of what is advised: as the last round found.
        """
        standing = self.standings[namespace]
        obstacle = standing.obstacle(now_s)
        if obstacle:
            return None, obstacle
        found = self.last.findings.get(namespace) if self.last is not None else None
        if found is None:
            return None, "Nobody has looked at it yet."
        if is_same(found.ttl_s, standing.ttl_s):
            return found.next_s, found.reason
        if found.is_done and found.next_s is not None and is_same(found.next_s, standing.ttl_s):
            return None, f"Changed in the last round. {found.reason}"
        return None, "It was changed since the last round; the next one looks at it."


def auto_tune_status(cache: Cache, audit: AuditLog, mode: Mode) -> AutoTuneStatus:
    """Two round trips and one query. Raises StoreError, AuditUnreadableError."""
    stop, (raw,) = read_stop_and(cache.store, [round_key(cache.namespaces())])
    return AutoTuneStatus(mode, stop, round_in(raw), read_standings(cache, audit))


def stop_auto_tune(
    cache: Cache, actor: Actor, audit: AuditLog, *, clock: Callable[[], float] = time.time
) -> None:
    """Let no replica change a ttl on its own from now on; safe to repeat.

    What is being changed this moment may still come through. Ttls stay as they are: see
    `put_back_tuned`.
    Raises: NotAllowedError for a viewer; StoreError.
    """
    with audit.deed(actor, "stop auto-tune", EVERYWHERE, before=_switch(cache)) as deed:
        require_operator(actor, "Stopping auto-tune")
        write_stop(cache.store, Stop(actor.name, clock()))
        deed.after = "stopped"
    log.audit("auto_tune_stopped", "%s stopped auto-tune", actor.name, actor=actor.name)


def allow_auto_tune(cache: Cache, actor: Actor, audit: AuditLog) -> None:
    """Let replicas tune again, as `AUTO_TUNE` says; safe to repeat.

    Raises: NotAllowedError for a viewer; StoreError.
    """
    with audit.deed(actor, "allow auto-tune", EVERYWHERE, before=_switch(cache)) as deed:
        require_operator(actor, "Allowing auto-tune")
        write_stop(cache.store, None)
        deed.after = "allowed"
    log.audit("auto_tune_allowed", "%s allowed auto-tune", actor.name, actor=actor.name)


def undo_retune(cache: Cache, namespace: str, actor: Actor, audit: AuditLog) -> float:
    """Set a namespace back to what it was before its last automatic change, and let it rest.

    Auto-tune does not touch it for RESTS_S; then it may, unless somebody sets a ttl himself.
    Returns: the ttl that counts from now on, seconds.
    Raises: NotAllowedError for a viewer; ValueError if the namespace is not known here, or its ttl
        is not of auto-tune; StoreError; AuditUnreadableError.
    """
    policy = known_policy(cache, namespace)
    standing = read_standings(cache, audit)[namespace]
    with audit.deed(actor, UNDO, namespace, before=in_words(standing.ttl_s)) as deed:
        require_operator(actor, f"Undoing the retuning of {namespace}")
        if standing.last is None or not standing.is_tuned:
            raise ValueError(
                f"the ttl of {namespace} is that of {standing.set_by}, not of auto-tune, so there "
                "is nothing to undo"
            )
        after_s = policy.retuned(standing.last.before_s).ttl_s
        is_policys = is_same(after_s, policy.ttl_s)
        write_ttl(cache.store, namespace, None if is_policys else after_s)
        deed.after = in_words(after_s)
        deed.detail = f"auto-tune leaves it alone for {RESTS_S / 3600:g} h"
    log_retuned(actor.name, namespace, standing.ttl_s, after_s)
    return after_s


def put_back_tuned(cache: Cache, actor: Actor, audit: AuditLog) -> list[str]:
    """Set all namespaces whose ttl is of auto-tune back to their policies; which those were.

    Each is a change in the audit of its own. Auto-tune goes on unless it is stopped first.
    Raises: NotAllowedError for a viewer; StoreError, after which some may be put back and some
        not; AuditUnreadableError.
    """
    tuned = [name for name, one in read_standings(cache, audit).items() if one.is_tuned]
    with audit.deed(actor, "put back ttls", EVERYWHERE, before=f"{len(tuned)} tuned") as deed:
        require_operator(actor, "Putting tuned ttls back")
        deed.after = "nothing to put back"
        for done, name in enumerate(tuned, start=1):
            retune(cache, name, None, actor, audit, why="back to its policy")
            deed.after = f"{', '.join(tuned[:done])} put back"
    return tuned


def _switch(cache: Cache) -> str:
    return "allowed" if read_stop(cache.store) is None else "stopped"
