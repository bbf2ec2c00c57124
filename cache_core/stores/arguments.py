"""Checks and encodings of arguments that every store makes in the same way."""

from __future__ import annotations

import base64
import binascii
import math

# A century: beyond it a number is a mistake, and Redis refuses what overflows its clock.
_TTL_MAX_S = 100 * 366 * 86_400.0


def ttl_ms(ttl_s: float) -> int:
    """`ttl_s` in whole milliseconds, at least 1. ValueError unless 0 < ttl_s <= a century."""
    if not (math.isfinite(ttl_s) and 0 < ttl_s <= _TTL_MAX_S):
        raise ValueError(f"ttl_s is {ttl_s!r}; it must be above 0 and at most {_TTL_MAX_S:.0f}")
    return max(1, round(ttl_s * 1000))


def hold_ms(hold_s: float) -> int:
    """`hold_s` of a lease in whole milliseconds; 0 stays 0. ValueError if negative or unbounded."""
    return 0 if hold_s == 0 else ttl_ms(hold_s)


def checked_start(start: str) -> str:
    """`start` of a scan; ValueError when empty, because nobody means every key there is."""
    if not start:
        raise ValueError("scan needs the beginning of the keys it looks for; an empty one is all")
    return start


def glob_literal(text: str) -> str:
    """`text` as a pattern of Redis' MATCH that only matches itself."""
    return "".join(f"\\{c}" if c in "*?[]^-\\" else c for c in text)


def to_text(value: bytes) -> str:
    """Bytes as base64 text, for stores that carry only text."""
    return base64.b64encode(value).decode("ascii")


def from_text(text: str | bytes) -> bytes:
    """The bytes `to_text` was given; text that it never wrote comes back as it is.

    Such a value was put there by somebody else. Readers check what they read, so it is handed on
    rather than hidden: they count it as damaged and replace it.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode() if isinstance(text, str) else text
