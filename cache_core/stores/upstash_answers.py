"""What came back from a REST server: an answer, a refusal, or no answer at all."""

from __future__ import annotations

from typing import Any

import httpcore
import httpx
from upstash_redis.errors import UpstashError

from cache_core.stores.base import (
    StoreError,
    StoreInfo,
    StoreRejectedError,
    StoreUnavailableError,
)
from cache_core.stores.replies import reason, says_try_again

LOST_CONNECTION = (httpcore.NetworkError, httpcore.RemoteProtocolError)

_PASSING_STATUS = frozenset({408, 425, 429})


class NoAnswerError(Exception):
    """HTTP said no without an error text of Redis', or the answer has the wrong form."""

    def __init__(self, what: str, *, passing: bool = True) -> None:
        super().__init__(what)
        self.passing = passing


def refuse_non_answers(response: httpx.Response) -> None:
    """A response hook, because the client itself never looks at the status.

    Without it a wrong token costs a pipeline an AttributeError, and the reason is lost.
    """
    if response.status_code == httpx.codes.OK:
        return
    response.read()
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        raise UpstashError(body["error"])
    status = response.status_code
    raise NoAnswerError(
        f"HTTP {status} without an answer of the REST API",
        passing=status >= 500 or status in _PASSING_STATUS,
    )


def of_length(found: Any, length: int) -> list[Any]:
    """`found` as a list of that length; the client cuts a short answer to fit."""
    if not isinstance(found, list | tuple) or len(found) != length:
        raise NoAnswerError("the answer is not as long as what was asked")
    return list(found)


def whole_number(found: Any) -> int:
    """`found` if it is an integer reply."""
    if not isinstance(found, int):
        raise NoAnswerError("the answer is not a number")
    return found


def is_wrong_type(exc: UpstashError) -> bool:
    """Whether the key holds another type than the command is for."""
    return str(exc).startswith("WRONGTYPE")


def is_too_large(exc: UpstashError) -> bool:
    """Whether the answer to many keys is over what one answer may hold (10 MB)."""
    return "max request size exceeded" in str(exc)


def refuses_script_flags(exc: UpstashError) -> bool:
    """Whether a script was refused for its first line: Redis below 7 cannot read it, 7.0 does not
    know the flag."""
    text = str(exc).lower()
    return "compiling script" in text or "shebang" in text or "unexpected flag" in text


def translated(exc: Exception, where: str, timeout_s: float, token: str) -> StoreError:
    """The StoreError for what was raised during `where` (operation and address)."""
    if isinstance(exc, httpcore.TimeoutException | TimeoutError):
        return StoreUnavailableError(f"{where}: no answer within {timeout_s:g} s")
    text = reason(str(exc)).replace(token, "***")
    if isinstance(exc, UpstashError):
        error = StoreUnavailableError if says_try_again(text) else StoreRejectedError
        return error(f"{where}: {text}")
    if isinstance(exc, NoAnswerError):
        error = StoreUnavailableError if exc.passing else StoreRejectedError
        return error(f"{where}: {text}")
    if isinstance(exc, httpcore.NetworkError | httpcore.ProtocolError):
        return StoreUnavailableError(f"{where}: {text}")
    # JSONDecodeError for HTML, KeyError, AssertionError, AttributeError and so on: their texts say
    # how the client stumbled, or repeat what was sent, so only the kind is shown.
    return StoreUnavailableError(
        f"{where}: what came back is not an answer of the REST API ({type(exc).__name__})"
    )


def parsed_info(text: str) -> StoreInfo:
    """INFO's lines; Upstash names some figures its own way and may leave out any."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip()] = value.strip()
    upstash = found.get("upstash_version")
    keys = _number(found.get("total_keys"))
    if keys is None:
        keys = _number(found.get("db0", "").partition("keys=")[2].partition(",")[0])
    return StoreInfo(
        version=f"Upstash {upstash}" if upstash else found.get("redis_version"),
        # used_memory is no substitute on Upstash, where values also lie on disk.
        used_bytes=_number(found.get("total_data_size" if upstash else "used_memory")),
        limit_bytes=_number(found.get("max_data_size" if upstash else "maxmemory")) or None,
        keys=keys,
        evicted=_number(found.get("evicted_keys")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
