"""Making the upstash-redis client behave: its URL, its token, its HTTP client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
from upstash_redis import Redis
from upstash_redis.http import SyncHttpClient

# Upstash's limit, less room for keys that JSON has to escape.
_REQUEST_BYTES = 9_000_000
_JSON_BYTES = 4  # quotes, comma and blank around an argument


def checked_rest_url(url: str) -> str:
    """`url` without a trailing slash, which would make the client ask for `//pipeline`.

    ValueError that says what to change; a URL with a password or a token in it is refused
    unrepeated, because the address is shown to people.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "the REST URL cannot be read: it looks like https://name.upstash.io"
        ) from None
    if not host:
        raise ValueError("the REST URL names no host: it looks like https://name.upstash.io")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "the REST URL must hold neither user, password nor options: give the token by "
            "token=..., and the URL as https://name.upstash.io"
        )
    shown = f"[{host}]" if ":" in host else host
    tail = "" if port is None else f":{port}"
    return f"{parts.scheme}://{shown}{tail}{parts.path.rstrip('/')}"


def checked_token(token: str) -> str:
    """`token` without the white space that copying adds; ValueError if no header can carry it."""
    stripped = token.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        raise ValueError(
            "the REST token is empty or holds characters a token never has: copy "
            "UPSTASH_REDIS_REST_TOKEN from the Upstash console again"
        )
    return stripped


def in_requests(commands: Sequence[list[Any]]) -> list[list[list[Any]]]:
    """The commands in as few requests as Upstash's limit of 10 MB allows, in order.

    A single command over the limit goes by itself, and the server's refusal tells of it.
    """
    batches: list[list[list[Any]]] = []
    left_bytes = 0
    for command in commands:
        size_bytes = sum(len(str(argument)) + _JSON_BYTES for argument in command)
        if not batches or size_bytes > left_bytes:
            batches.append([])
            left_bytes = _REQUEST_BYTES
        batches[-1].append(command)
        left_bytes -= size_bytes
    return batches


def upstash_client(url: str, token: str, http: httpx.Client) -> Redis:
    """The client with `http` in place of its own HTTP client, and nothing hidden going on.

    The place is not public, so it is looked at first: RuntimeError if a release moved it.
    """
    client = Redis(
        url,
        token,
        # Our values are ASCII; base64 once more around them would only cost a third in traffic.
        # Somebody else's binary value comes with U+FFFD in it instead of failing the whole answer.
        rest_encoding=None,
        rest_retries=0,
        allow_telemetry=False,
    )
    inner = getattr(client, "_http", None)
    stock = getattr(inner, "_client", None)
    headers = getattr(client, "_headers", None)
    if (
        not isinstance(inner, SyncHttpClient)
        or not isinstance(stock, httpx.Client)
        or not isinstance(headers, dict)
    ):
        raise RuntimeError(
            "this release of upstash-redis is built differently and would wait without a deadline: "
            "pip install 'upstash-redis>=1.8,<1.9'"
        )
    stock.close()
    inner._client = http
    # All threads share this dict. Were its first use to add a key, another thread reading it just
    # then would fail; replacing a value under a key that is there is safe.
    headers.setdefault("Upstash-Sync-Token", "")
    return client
