"""When two instructions count as the same text, and how one is named without showing it."""

from __future__ import annotations

import hashlib
import unicodedata

_EXCERPT_CHARS = 120


def normalise(text: str) -> str:
    """The text as compared: compatibility forms, case and white space no longer matter.

    Source: Unicode Standard, section 3.13, default caseless matching (NFKC, case fold, NFKC).
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def text_md5(text: str) -> bytes:
    """MD5 (16 bytes) of the normalised text: a name for it, not a protection.

    Raises: UnicodeEncodeError when the text holds what UTF-8 cannot, a lone surrogate.
    """
    return hashlib.md5(normalise(text).encode(), usedforsecurity=False).digest()


def excerpt(text: str, limit: int = _EXCERPT_CHARS) -> str:
    """The beginning of a text on one line, at most `limit` characters, ending in … when cut."""
    line = " ".join(text[: limit * 4].split())
    if len(line) <= limit and len(text) <= limit * 4:
        return line
    return line[: limit - 1].rstrip() + "…"
