"""Changing a namespace's ttl while the app runs, within what its policy allows; and back."""

from __future__ import annotations

import re

from cache_core.cache import Cache
from cache_core.logs import log
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog
from cache_core.policy import Policy
from cache_core.retuning import read_ttls, write_ttl

RETUNE = "retune"
_IN_WORDS = re.compile(r"ttl (\S+) s")


def in_words(ttl_s: float) -> str:
    """How the audit says a ttl."""
    return f"ttl {ttl_s:g} s"


def from_words(text: str) -> float | None:
    """The ttl that the audit says, seconds, to six digits; None where it says none."""
    found = _IN_WORDS.fullmatch(text)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def ttl_now_s(cache: Cache, namespace: str) -> float:
    """The ttl that counts for what is computed now, seconds. Raises ValueError, StoreError."""
    policy = known_policy(cache, namespace)
    ttl_s = read_ttls(cache.store, [namespace]).get(namespace)
    return policy.ttl_s if ttl_s is None else policy.retuned(ttl_s).ttl_s


def retune(
    cache: Cache,
    namespace: str,
    ttl_s: float | None,
    actor: Actor,
    audit: AuditLog,
    *,
    why: str = "",
) -> float:
    """Let what is computed from now on live for `ttl_s` seconds; None goes back to the policy.

    It counts in every process from its next miss on. Entries that are stored keep their life:
    clear the namespace to end them. `why` stands in the audit.
    Returns: the ttl before, seconds.
    Raises: NotAllowedError for a viewer; ValueError if the namespace is not known here, its
        entries slide, or the policy does not allow so long or short a life; StoreError.
    """
    policy = known_policy(cache, namespace)
    if policy.sliding:
        raise ValueError(
            f"{namespace} slides: each read starts the life of its entry anew, so there is no "
            "ttl to retune"
        )
    low_s, high_s = policy.ttl_range_s
    if ttl_s is not None and not low_s <= ttl_s <= high_s:
        raise ValueError(
            f"{ttl_s:g} s will not do for {namespace}: its policy allows {low_s:g} to {high_s:g} s "
            "(ttl_min_s, ttl_max_s)"
        )
    before_s = ttl_now_s(cache, namespace)
    wanted_s = policy.ttl_s if ttl_s is None else ttl_s
    with audit.deed(actor, RETUNE, namespace, before=in_words(before_s)) as deed:
        require_operator(actor, f"Retuning {namespace}")
        write_ttl(cache.store, namespace, None if wanted_s == policy.ttl_s else wanted_s)
        deed.after, deed.detail = in_words(wanted_s), why
    log_retuned(actor.name, namespace, before_s, wanted_s)
    return before_s


def log_retuned(who: str, namespace: str, before_s: float, after_s: float) -> None:
    """Say in the log that a ttl was changed."""
    log.audit(
        "retuned",
        "%s changed the ttl of %s from %g s to %g s",
        who,
        namespace,
        before_s,
        after_s,
        namespace=namespace,
        actor=who,
    )


def known_policy(cache: Cache, namespace: str) -> Policy:
    """Its rules. Raises ValueError if this process does not have the cached function."""
    policy = cache.namespaces().get(namespace)
    if policy is None:
        raise ValueError(
            f"{namespace} is not a cached function of this process, so its bounds are not known "
            "here; retune it in the process that has it"
        )
    return policy
