"""Reads without a decorator: the caller names namespace and key, and hands the source over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cache_core import keys
from cache_core.cached import Function
from cache_core.call import Call, Look, bare_call, look_at, make_call, tags_in
from cache_core.codec import Models
from cache_core.policy import Policy, Tags, policy_of, tag_names
from cache_core.reader import Reader
from cache_core.steps import Ask, Steps
from cache_core.stopwatch import Stopwatch
from cache_core.timing import Timing


def call_by_hand(
    prefix: str,
    namespace: str,
    key: str,
    source: Callable[[], Any],
    models: Models,
    *,
    ttl_s: float | None,
    tags: Tags | None,
    policy: Policy | None,
    rules: dict[str, Any],
    is_async: bool = False,
) -> Call:
    """The call that reads `key` of a namespace. ValueError or TypeError if the rules will not do.

    `ttl_s`, `tags` and `rules` count instead of the policy's own; None: not given.
    `is_async`: whether it is read from a coroutine. The source does not tell: it may be a lambda.
    """
    policy = policy_of(policy, rules if ttl_s is None else {"ttl_s": ttl_s, **rules})
    # Not through the policy: that would have all its rules checked anew at each read.
    if tags is None:
        tags = policy.tags or ()
    return make_call(
        prefix,
        keys.checked_namespace(namespace),
        policy,
        {**models, **Function.models_of(source)},
        keys.text_digest(key),
        tag_names(tags() if callable(tags) else tags),
        source,
        f"{namespace} (by hand)",
        is_async,
        policy.group() if callable(policy.group) else policy.group,
    )


def entry_key(namespace: str, key: str, version: int | str) -> str:
    """Where `key` of a namespace lies."""
    return keys.entry_key(keys.checked_namespace(namespace), version, keys.text_digest(key))


def peek_many(
    namespace: str,
    names: Iterable[str],
    version: int | str,
    models: Models,
    reader: Reader,
    timing: Timing,
) -> Steps[dict[str, Any]]:
    """The fresh ones among entries kept by hand, by name. Raises StoreError."""
    wanted = {name: entry_key(namespace, name, version) for name in names}
    if not wanted:
        return {}
    stopwatch = Stopwatch(timing)
    asked = [*wanted.values(), keys.namespace_generation_key(namespace)]
    raws = yield Ask(lambda store: store.get_many(asked))
    found = dict(zip(asked, raws, strict=True))
    tags = tags_in({entry: found[entry] for entry in wanted.values()})
    if tags:
        generations = [keys.tag_generation_key(tag) for tag in tags]
        raws = yield Ask(lambda store: store.get_many(generations))
        found |= dict(zip(generations, raws, strict=True))
    values = {}
    for name, entry in wanted.items():
        call = bare_call(namespace, models, entry, tags_in({entry: found[entry]}))
        look = _judge(call, found, timing.clock())
        reader.report_peek(call, look, stopwatch, len(wanted))
        if look.standing == "fresh":
            values[name] = look.value
    return values


def _judge(call: Call, found: dict[str, bytes | None], now_s: float) -> Look:
    generations = tuple(found[generation] for generation in call.generation_keys)
    return look_at(call, found[call.entry_key], generations, None, now_s)
