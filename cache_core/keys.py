"""Names of keys: what of a call goes into them, and how.

A key holds the namespace, the policy's version and a digest of all arguments; nothing a user wrote
stands in it readably. Two calls share a digest only if every argument has the same type and value.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from cache_core.canonical import Canonical

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST_BYTES = 16
_TAG_BYTES = 8


def checked_namespace(namespace: str) -> str:
    """`namespace` itself if it can stand in a key and on a page, else ValueError."""
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(
            f"namespace {namespace!r} will not do: use 1 to 64 letters, digits, '.', '_' or '-', "
            "for example 'dashboard.stats'"
        )
    return namespace


def checked_version(version: int | str) -> str:
    """`version` as text if it can stand in a key, else ValueError."""
    text = str(version)
    if not _NAMESPACE.fullmatch(text):
        raise ValueError(f"policy version {version!r} will not do: use letters and digits")
    return text


def entry_key(namespace: str, version: int | str, digest: str) -> str:
    """Where an entry lies. The braces put it in one Redis Cluster slot with its lease."""
    return f"e:{namespace}:{checked_version(version)}:{{{digest}}}"


def lease_key(entry: str) -> str:
    """Where the lease of an entry lies."""
    return "l" + entry[1:]


def group_of(digest: str) -> str:
    """What a key is called in figures: enough of its digest to tell it from others."""
    return f"#{digest[:8]}"


def is_lease_key(key: str) -> bool:
    """Whether a key is a lease's."""
    return key.startswith("l:")


def ttl_key(namespace: str) -> str:
    """Where a namespace's retuned ttl lies."""
    return f"o:{namespace}"


def entries_start(namespace: str) -> str:
    """What the keys of all entries of a namespace begin with."""
    return f"e:{namespace}:"


def all_entries_start() -> str:
    """What the keys of all entries begin with."""
    return "e:"


def generations_start() -> str:
    """What the keys of all generations begin with."""
    return "g:"


def namespace_generation_key(namespace: str) -> str:
    """Where the generation of a namespace lies."""
    return f"g:n:{namespace}"


def tag_digest(tag: str) -> bytes:
    """Eight bytes that stand for a tag; tags may name users, so they are never written out."""
    if not isinstance(tag, str):
        raise TypeError(f"a tag is a text, not {type(tag).__name__}")
    if not tag:
        raise ValueError("a tag is a text that is not empty")
    return blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=_TAG_BYTES).digest()


def tag_generation_key(digest: bytes) -> str:
    """Where the generation of a tag lies."""
    return f"g:t:{digest.hex()}"


def text_digest(key: str) -> str:
    """Digest of a key given by hand; apart from every digest of arguments."""
    if not isinstance(key, str):
        raise TypeError(f"a key is a text, not {type(key).__name__}")
    return blake2b(
        key.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES, person=b"key"
    ).hexdigest()


def value_digest(name: str, value: object) -> str:
    """Digest of one value that stands for all arguments; `name` is what a TypeError calls it."""
    digest = blake2b(digest_size=_DIGEST_BYTES, person=b"value")
    Canonical(digest.update, name).feed_whole(value)
    return digest.hexdigest()


class ArgumentsDigest:
    """Turns the arguments of one function into a digest, however the caller spells them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._signature = inspect.signature(function)
        kinds = [parameter.kind for parameter in self._signature.parameters.values()]
        self._names = list(self._signature.parameters)
        # A call by position that fills every parameter needs no binding.
        self._by_position = all(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Digest of a call. TypeError if the call does not fit, or an argument has no digest."""
        if self._by_position and not kwargs and len(args) == len(self._names):
            pairs: Iterable[tuple[str, Any]] = zip(self._names, args, strict=True)
        else:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            pairs = bound.arguments.items()
        digest = blake2b(digest_size=_DIGEST_BYTES, person=b"arguments")
        for name, value in pairs:
            digest.update(b"(" + name.encode() + b")")
            Canonical(digest.update, name).feed_whole(value)
        return digest.hexdigest()
