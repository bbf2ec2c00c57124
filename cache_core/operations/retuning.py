"""Changing a namespace's ttl while the app runs, within what its policy allows; and back."""

from __future__ import annotations

from cache_core.cache import Cache
from cache_core.logs import log
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog
from cache_core.policy import Policy
from cache_core.retuning import read_ttls, write_ttl


def ttl_now_s(cache: Cache, namespace: str) -> float:
    """The ttl that counts for what is computed now, seconds. Raises ValueError, StoreError."""
    policy = _policy(cache, namespace)
    ttl_s = read_ttls(cache.store, [namespace]).get(namespace)
    return policy.ttl_s if ttl_s is None else policy.retuned(ttl_s).ttl_s


def retune(
    cache: Cache, namespace: str, ttl_s: float | None, actor: Actor, audit: AuditLog
) -> float:
    """Let what is computed from now on live for `ttl_s` seconds; None goes back to the policy.

    It counts in every process from its next miss on. Entries that are stored keep their life:
    clear the namespace to end them.
    Returns: the ttl before, seconds.
    Raises: NotAllowedError for a viewer; ValueError if the namespace is not known here, its
        entries slide, or the policy does not allow so long or short a life; StoreError.
    """
    policy = _policy(cache, namespace)
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
    with audit.deed(actor, "retune", namespace, before=f"ttl {before_s:g} s") as deed:
        require_operator(actor, f"Retuning {namespace}")
        write_ttl(cache.store, namespace, None if wanted_s == policy.ttl_s else wanted_s)
        deed.after = f"ttl {wanted_s:g} s"
    log.audit(
        "retuned",
        "%s changed the ttl of %s from %g s to %g s",
        actor.name,
        namespace,
        before_s,
        wanted_s,
        namespace=namespace,
        actor=actor.name,
    )
    return before_s


def _policy(cache: Cache, namespace: str) -> Policy:
    policy = cache.namespaces().get(namespace)
    if policy is None:
        raise ValueError(
            f"{namespace} is not a cached function of this process, so its bounds are not known "
            "here; retune it in the process that has it"
        )
    return policy
