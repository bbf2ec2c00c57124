"""What HTTP says about a read: Cache-Status, Age, ETag and Cache-Control. Pure functions.

Sources: RFC 9211 (Cache-Status), RFC 9651 (how such a field is written), RFC 9111 (Age,
Cache-Control), RFC 9110 sections 8.8.3 and 13.1.2 (ETag, If-None-Match).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Literal

from cache_core.call import Read

NAME = "cache_core"

# RFC 9111, section 1.2.2: what is longer is sent as this.
_SECONDS_MAX = 2**31 - 1
_ETAG_BYTES = 16

_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_PRINTABLE = re.compile(r"[ -~]*")
_DIGEST = re.compile(r"\{([0-9a-f]{32})\}\Z")
# An entity tag may hold commas, so a list of them cannot be split at its commas.
_ENTITY_TAG = re.compile(r'(?:W/)?("[!#-~\x80-\xff]*")')


def cache_status(
    read: Read[Any],
    *,
    name: str = NAME,
    detail: str | None = None,
    with_key: bool = False,
) -> str:
    """Cache-Status of a read, e.g. `cache_core; hit; ttl=271`.

    A miss is `fwd=uri-miss`, or `fwd=stale` if what was kept had expired, with `stored` if it was
    kept; a bypass is `fwd=bypass`; a stale value is a hit with a negative ttl, as in RFC 9211,
    section 2.4, and the detail `stale`.

    Args:
        name: of the cache; no text that tells of the inside of a service.
        detail: a word about this read, in place of `stale`.
        with_key: show the digest that stands for the key. Whoever knows how keys are made can
            find out by trying which of a few values one stands for, so this is for debugging.
    Raises: ValueError if name or detail holds what a header may not.
    """
    parameters: dict[str, bool | int | str] = {}
    if read.outcome == "hit":
        parameters = {"hit": True, "ttl": _seconds(read.ttl_left_s)}
    elif read.outcome == "stale":
        # Where a refresh failed, what stood in may be fresh still.
        parameters = {"hit": True, "ttl": _stale_seconds(read.ttl_left_s)}
        detail = detail or "stale"
    elif read.outcome == "miss":
        parameters["fwd"] = "stale" if read.cause == "expired" else "uri-miss"
        if read.ttl_left_s > 0:
            parameters["stored"] = True
    else:
        parameters["fwd"] = "bypass"
    digest = _DIGEST.search(read.key)
    if with_key and digest is not None:
        # The RFC asks for a String here, and a digest may look like a token.
        return _item(name, parameters, detail, key=digest[1])
    return _item(name, parameters, detail)


def bypass_status(
    detail: str | None = None,
    *,
    name: str = NAME,
    reason: Literal["bypass", "method", "uri-miss"] = "bypass",
) -> str:
    """Cache-Status of an answer for which there is no read.

    `reason`: as the RFC has it: `method` of the request, or `uri-miss` for what was looked for.
    Raises: ValueError as `cache_status` does.
    """
    return _item(name, {"fwd": reason}, detail)


def age(read: Read[Any]) -> str | None:
    """Age, whole seconds; None for what was computed for this very request, which has none."""
    return str(_seconds(read.age_s)) if read.outcome in ("hit", "stale") else None


def cache_control(read: Read[Any], *, has_max_age: bool = False, is_shared: bool = False) -> str:
    """Cache-Control of a read.

    By default `private, no-cache`: a browser keeps the answer and asks each time whether it still
    holds, so that an invalidation here is seen there.

    Args:
        has_max_age: let clients use a fresh answer without asking until it expires here. No
            invalidation reaches them before.
        is_shared: whether proxies may keep the answer, which is then the same for everybody.
    """
    left_s = _seconds(read.ttl_left_s) if has_max_age else 0
    # A client takes Age off max-age (RFC 9111, section 4.2), so what has passed is put on it.
    fresh = f"max-age={min(left_s + int(age(read) or 0), _SECONDS_MAX)}" if left_s else "no-cache"
    return fresh if is_shared else f"private, {fresh}"


def vary(said: Iterable[str], names: Iterable[str]) -> str | None:
    """Vary that names all: what was `said` in such fields, as it is written, then further `names`.

    Returns: "*" if that is among them; None if there are none.
    """
    found = {part.strip().lower(): part.strip() for text in said for part in text.split(",")}
    found |= {name.lower(): name for name in sorted(names) if name.lower() not in found}
    found.pop("", None)
    return "*" if "*" in found else ", ".join(found.values()) or None


def etag(body: bytes, *, is_weak: bool = False) -> str:
    """ETag of these bytes, quotes included.

    `is_weak`: say `W/`, where something between here and the client may write the same content in
    other bytes, as compression does.
    """
    tag = f'"{blake2b(body, digest_size=_ETAG_BYTES, person=b"etag").hexdigest()}"'
    return f"W/{tag}" if is_weak else tag


def is_not_modified(if_none_match: str | None, current: str) -> bool:
    """Whether a GET or HEAD is answered with 304: the client has what it asks for.

    Args:
        if_none_match: of the request; several lines are joined with commas. None: there is none.
        current: ETag of the answer, a 200 without it.
    Returns: by the weak comparison. False for a list that is not one: then the answer is sent.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip(" \t") == "*":
        return True
    wanted = _opaque(current)
    return wanted is not None and wanted in _listed(if_none_match)


def read_headers(read: Read[Any], body: bytes, *, has_max_age: bool = False) -> dict[str, str]:
    """All headers of one answer: Cache-Status, Age if it has one, a weak ETag, Cache-Control."""
    old = age(read)
    return {
        "Cache-Status": cache_status(read),
        **({} if old is None else {"Age": old}),
        "ETag": etag(body, is_weak=True),
        "Cache-Control": cache_control(read, has_max_age=has_max_age),
    }


def _opaque(tag: str) -> str | None:
    """What the weak comparison compares: the tag without W/; None if it is no tag."""
    found = _ENTITY_TAG.fullmatch(tag)
    return None if found is None else found[1]


def _listed(text: str) -> set[str]:
    """The tags of a list without their W/; none if it is no list of tags."""
    # Between tags stands at least one comma; empty elements are allowed (RFC 9110, section 5.6.1).
    between = _ENTITY_TAG.split(text)[::2]
    if any(gap.strip(" \t,") for gap in between) or any("," not in gap for gap in between[1:-1]):
        return set()
    return set(_ENTITY_TAG.findall(text))


def _seconds(number: float) -> int:
    return int(min(max(number, 0.0), _SECONDS_MAX))


def _stale_seconds(left_s: float) -> int:
    """Of a stale value, below 0 also where less than a second has passed."""
    return _seconds(left_s) if left_s > 0 else -max(_seconds(-left_s), 1)


def _item(
    name: str,
    parameters: Mapping[str, bool | int | str],
    detail: str | None,
    *,
    key: str | None = None,
) -> str:
    """A member of a list of RFC 9651. Of its types, those that Cache-Status has."""
    parts = [_token_or_string(name)]
    for parameter, value in parameters.items():
        parts.append(parameter if value is True else f"{parameter}={value}")
    if key is not None:
        parts.append(f'key="{key}"')
    if detail is not None:
        parts.append(f"detail={_token_or_string(detail)}")
    return "; ".join(parts)


def _token_or_string(text: str) -> str:
    if _TOKEN.fullmatch(text):
        return text
    if not _PRINTABLE.fullmatch(text):
        raise ValueError(f"{text!r} will not do in a header: use printable ASCII characters")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
