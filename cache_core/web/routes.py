"""Caching for the routes of Starlette and FastAPI apps, by one decorator.

The endpoint stays a function of the same signature, so dependencies, permissions among them, run
for each request, also for those that are answered from the cache. What is kept is the answer as
it goes out (status, headers, body). See docs/web.md.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from cache_core.cache import Cache
from cache_core.cached import AsyncCachedFunction
from cache_core.policy import Policy
from cache_core.web import headers as fields
from cache_core.web.answering import Endpoint, Exchange, FailedAnswerError
from cache_core.web.asked import Asking
from cache_core.web.header_parameters import of_signature
from cache_core.web.kept import Kept, NotKept, Rules
from cache_core.web.rendering import Rendering
from cache_core.web.signatures import filled, signature_of, with_request_and_reply
from cache_core.web.unkeyed import Unkeyed

E = TypeVar("E", bound=Callable[..., Any])


def cached_route(
    cache: Cache,
    namespace: str,
    *,
    policy: Policy | None = None,
    user: Callable[..., Any] | None = None,
    is_shared: bool = False,
    query: Iterable[str] | None = None,
    vary: Iterable[str] = (),
    statuses: Iterable[int] = (200,),
    headers: Iterable[str] | None = None,
    has_max_age: bool = False,
    early_refresh: float = 0.0,
    **rules: Any,
) -> Callable[[E], E]:
    """Decorate an endpoint, below the framework's own decorator, so that its answers are kept.

    GET and HEAD are answered from the cache; other methods pass it by. Functions given here
    (`user`, `tags`, `group`) are called with the request and with those of the endpoint's
    arguments that they name, e.g. `tags=lambda product_id: [f"product:{product_id}"]`.

    Args:
        namespace, policy, rules: as for `Cache.cached`; `cache_if` is given a `kept.Kept`.
        user: who asks, a plain value or an awaitable of one; each has answers of his own. Without
            it, requests that carry Authorization or a cookie pass the cache by.
        is_shared: the answers are the same for everybody, whatever the request carries.
        query: the query parameters that count; all by default. Their order does not.
        vary: request headers that are part of the key. An answer whose Vary names another one is
            not kept.
        statuses: of the answers that are kept.
        headers: of the answers, those that are kept; by default all that are not of one
            connection or one answer. Set-Cookie never is: what has it is not kept at all.
        has_max_age: let clients use an answer without asking until it expires here; then no
            invalidation reaches them. By default they ask each time, and 304 says it still holds.
        early_refresh: as in Policy, but 0 by default. With it, with `stale_while_revalidate_s` and
            with `source_timeout_s` the endpoint also runs when its request has been answered:
            what FastAPI's dependencies with `yield` opened is closed by then.
    Raises: ValueError, TypeError if these contradict each other or the endpoint.
    """
    if user is not None and is_shared:
        raise ValueError("user= and is_shared= contradict each other: whose are the answers?")
    asking_vary = tuple(sorted(_names("vary", vary)))
    answers = Rules(
        statuses=_checked_statuses(statuses),
        headers=None if headers is None else frozenset(_names("headers", headers)),
        vary=frozenset(_checked_vary(asking_vary)),
        is_by_user=user is not None,
        is_shared=is_shared,
    )
    wanted = None if query is None else frozenset(_texts("query", query))
    policy = _policy(policy, early_refresh, rules)

    def decorate(endpoint: E) -> E:
        signature = _checked_signature(endpoint)
        unkeyed = Unkeyed(answers, namespace)
        unkeyed.refuse(endpoint, signature)
        asking = Asking(
            query=wanted,
            vary=asking_vary,
            user=None if user is None else filled(user, "user", signature),
            is_shared=is_shared,
        )
        varies_with = _varies_with(answers, signature)
        run = Endpoint(endpoint, answers, Rendering(), policy.stale_if_error_s > 0, varies_with)
        function = _cached_source(cache, namespace, policy, endpoint, signature)

        @functools.wraps(endpoint)
        async def answered(*args: Any, **kwargs: Any) -> Any:
            exchange = Exchange(run, args, kwargs)
            if exchange.request.method not in ("GET", "HEAD"):
                status = fields.bypass_status(reason="method")
                return exchange.passed(await exchange.run(), status)
            why = asking.passed_by(exchange.request) or unkeyed.passed_by(exchange.request)
            if why is not None:
                return exchange.passed(await exchange.run(), fields.bypass_status(why))
            if exchange.is_head:
                exchange.as_get()
            exchange.key = await asking.key_of(exchange.request, exchange.args, exchange.kwargs)
            failed: FailedAnswerError | None = None
            try:
                read = await function.read(exchange)
            except FailedAnswerError as exc:
                failed = exc
            if failed is not None:
                answer = await _failed_answer(failed, exchange)
                return exchange.passed(answer, fields.bypass_status("status", reason="uri-miss"))
            if isinstance(read.value, NotKept):
                if read.value.error is not None:
                    raise read.value.error
                status = fields.cache_status(read, detail=read.value.why)
                return exchange.passed(read.value.answer, status)
            control = fields.cache_control(read, has_max_age=has_max_age, is_shared=is_shared)
            return exchange.answer(read.value, read, fields.cache_status(read), control)

        answered.__signature__ = with_request_and_reply(signature)  # type: ignore[attr-defined]
        return cast("E", answered)

    return decorate


def _policy(policy: Policy | None, early_refresh: float, rules: dict[str, Any]) -> Policy:
    if policy is None:
        if "ttl_s" not in rules:
            raise ValueError("say how long an answer stays fresh: ttl_s=..., or policy=...")
        policy = Policy(**rules, early_refresh=early_refresh)
    else:
        policy = dataclasses.replace(policy, **rules, early_refresh=early_refresh)
    theirs = policy.cache_if

    def keeps(value: Kept | NotKept) -> bool:
        return isinstance(value, Kept) and (theirs is None or theirs(value))

    return dataclasses.replace(policy, cache_if=keeps)


def _cached_source(
    cache: Cache,
    namespace: str,
    policy: Policy,
    endpoint: Callable[..., Any],
    signature: inspect.Signature,
) -> AsyncCachedFunction[[Exchange], Kept | NotKept]:
    """The cached function behind a route: from an exchange to what is kept of its answer."""

    async def source(exchange: Exchange) -> Kept | NotKept:
        # That it holds its endpoint tells it from the source of any other.
        if not exchange.is_of(endpoint):
            raise RuntimeError("a request of another endpoint")
        return await exchange.compute()

    # Errors and figures name the endpoint.
    source.__module__ = endpoint.__module__
    source.__qualname__ = getattr(endpoint, "__qualname__", namespace)
    by_call = {
        name: _by_exchange(function, name, signature)
        for name, function in (("tags", policy.tags), ("group", policy.group))
        if callable(function)
    }
    policy = dataclasses.replace(policy, **by_call)  # type: ignore[arg-type]
    return cache.cached(namespace, policy=policy, key=lambda exchange: exchange.key)(source)


def _by_exchange(
    function: Callable[..., Any], role: str, signature: inspect.Signature
) -> Callable[[Exchange], Any]:
    call = filled(function, role, signature)
    return lambda exchange: call(exchange.request, exchange.args, exchange.kwargs)


async def _failed_answer(failed: FailedAnswerError, exchange: Exchange) -> Any:
    """What an endpoint that failed says to this request.

    Somebody else's answer is his alone, even one that says no more than 503.
    Raises: what the endpoint raised.
    """
    if failed.exchange is not exchange:
        return await exchange.run()
    if failed.error is not None:
        raise failed.error
    return failed.answer


def _varies_with(answers: Rules, signature: inspect.Signature) -> frozenset[str]:
    """Request headers with which another answer may come."""
    if answers.is_shared:
        return answers.vary
    # A browser keeps what is private too, and the next one to use it may be somebody else.
    by_user = {header for header, is_of_the_user in of_signature(signature) if is_of_the_user}
    return answers.vary | by_user | {"authorization", "cookie"}


# What is refused


def _checked_signature(endpoint: Any) -> inspect.Signature:
    if not callable(endpoint) or inspect.isclass(endpoint):
        raise TypeError(
            f"a cached route is a function, not {endpoint!r}; decorate a class's methods"
        )
    if inspect.isgeneratorfunction(endpoint) or inspect.isasyncgenfunction(endpoint):
        raise TypeError(f"{endpoint!r} yields its answer: what is streamed is not kept")
    return signature_of(endpoint)


def _checked_statuses(statuses: Iterable[int]) -> frozenset[int]:
    found = frozenset(statuses)
    if not found:
        raise ValueError("statuses= is empty: nothing would be kept")
    for status in found:
        if isinstance(status, bool) or not isinstance(status, int):
            raise TypeError(f"a status is a number, not {status!r}")
        if not 200 <= status <= 599 or status in (206, 304):
            raise ValueError(
                f"answers with status {status} cannot be kept: "
                "use 200 to 599 without 206 (a part) and 304 (no body)"
            )
    return found


def _checked_vary(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name in ("authorization", "cookie", "*"):
            raise ValueError(
                f"vary= may not name {name!r}: say whose the answers are with user=, "
                "which keeps what identifies people out of the headers that count"
            )
    return names


def _names(role: str, names: Iterable[str]) -> set[str]:
    return {name.lower() for name in _texts(role, names)}


def _texts(role: str, names: Iterable[str]) -> list[str]:
    found = [names] if isinstance(names, str) else list(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in found):
        raise TypeError(f"{role}= is a list of names, not {names!r}")
    return found
