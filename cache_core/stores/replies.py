"""What a server's replies mean for the caller, and how much of its words is shown."""

from __future__ import annotations

from typing import Any

from cache_core.stores.base import StoreInfo

# Error codes of a server that is there but cannot answer just now.
_TRY_AGAIN = ("LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS")
_SHOWN_CHARACTERS = 160


class NoAnswerError(Exception):
    """What came is no answer to what was asked.

    `passing`: the same call may do better a little later.
    """

    def __init__(self, what: str, *, passing: bool = True) -> None:
        super().__init__(what)
        self.passing = passing


def of_length(reply: Any, length: int) -> list[Any]:
    """`reply` if it is a list of that length."""
    if not isinstance(reply, list) or len(reply) != length:
        raise NoAnswerError("the answer is not as long as what was asked")
    return reply


def whole_number(reply: Any) -> int:
    """`reply` if it is an integer."""
    if not isinstance(reply, int):
        raise NoAnswerError("the answer is not a number")
    return reply


def says_try_again(text: str) -> bool:
    """Whether the same call may succeed a little later."""
    return text.split(" ", 1)[0] in _TRY_AGAIN


def raise_errors(replies: list[Any], *, other_types_pass: bool) -> None:
    """Raise the first error among replies; WRONGTYPE only if it is not to pass."""
    for reply in replies:
        if isinstance(reply, Exception) and not (
            other_types_pass and str(reply).startswith("WRONGTYPE")
        ):
            raise reply


def reason(text: str) -> str:
    """A server's words on one short line.

    Redis repeats the arguments of a command it does not know, and those hold values: cut there.
    """
    line = " ".join(text.partition(", with args")[0].split())
    return line[:_SHOWN_CHARACTERS] or "the server gave no reason"


def parsed_info(text: str, database: int = 0) -> StoreInfo:
    """INFO's lines; Upstash names some figures its own way and may leave out any."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip()] = value.strip()
    upstash = found.get("upstash_version")
    keys = _figure(found.get("total_keys"))
    if keys is None:
        line = found.get(f"db{database}", "")
        keys = _figure(line.partition("keys=")[2].partition(",")[0])
    if keys is None and "# Keyspace" in text:
        keys = 0  # Redis leaves empty databases out
    return StoreInfo(
        version=f"Upstash {upstash}" if upstash else found.get("redis_version"),
        # used_memory is no substitute on Upstash, where values also lie on disk.
        used_bytes=_figure(found.get("total_data_size" if upstash else "used_memory")),
        limit_bytes=_figure(found.get("max_data_size" if upstash else "maxmemory")) or None,
        keys=keys,
        evicted=_figure(found.get("evicted_keys")),
        eviction=found.get("maxmemory_policy"),
    )


def _figure(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
