"""Reading a redis://, rediss:// or unix:// URL, strictly and without repeating its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_TLS_OPTIONS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# More threads than this inside calls at once wait for each other; a server allows 10,000 clients by
# default, and has other processes to serve.
_MAX_CONNECTIONS = 128
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class RedisTarget:
    """Where a Redis server is and how to speak to it.

    `options`: arguments of redis-py's connection, secrets among them, so kept out of the repr.
    """

    address: str
    tls: bool
    unix: bool
    text_values: bool
    max_connections: int
    options: dict[str, Any] = field(repr=False)


def parse_redis_url(url: str) -> RedisTarget:
    """Read `url`; ValueError that says what to change and repeats no part that may be secret."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = parts.hostname
    except ValueError:
        # Most often a '/', '#' or '@' in the password. The cause would print a piece of it.
        raise ValueError(
            "the Redis URL cannot be read: write redis://user:password@host:port/0, and "
            "percent-encode special characters in the password"
        ) from None
    if parts.fragment:
        raise ValueError(
            "the Redis URL has a '#': percent-encode it as %23 if it is part of a password"
        )
    unix = parts.scheme == "unix"
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    text_values = _flag("text_values", query.pop("text_values", "0"))
    max_connections = _whole("max_connections", query.pop("max_connections", str(_MAX_CONNECTIONS)))
    database = _database(parts, query, unix=unix)
    options: dict[str, Any] = {"db": database}
    if parts.username:
        options["username"] = unquote(parts.username)
    if parts.password:
        options["password"] = unquote(parts.password)
    if unix:
        if not parts.path:
            raise ValueError("a unix:// URL needs the path of the socket: unix:///run/redis.sock")
        options["path"] = unquote(parts.path)
        if "password" in query:
            options["password"] = query.pop("password")
        address = f"unix://{options['path']}?db={database}"
    else:
        if not host:
            raise ValueError("the Redis URL names no host: write redis://host:port/0")
        _check_host(host)
        options["host"] = unquote(host)
        options["port"] = port or 6379
        shown = f"[{options['host']}]" if ":" in options["host"] else options["host"]
        address = f"{parts.scheme}://{shown}:{options['port']}/{database}"
    tls = parts.scheme == "rediss"
    if tls:
        options |= {name: query.pop(name) for name in _TLS_OPTIONS if name in query}
        if "ssl_check_hostname" in query:
            options["ssl_check_hostname"] = _flag(
                "ssl_check_hostname", query.pop("ssl_check_hostname")
            )
        if options.get("ssl_cert_reqs") == "none":
            options["ssl_check_hostname"] = False
    if query:
        raise ValueError(
            "the Redis URL has an option that is not known here. Known are db, text_values, "
            f"max_connections, and with rediss:// {', '.join(_TLS_OPTIONS)}, ssl_check_hostname"
        )
    return RedisTarget(address, tls, unix, text_values, max_connections, options)


def _database(parts: SplitResult, query: dict[str, str], *, unix: bool) -> int:
    text = query.pop("db", "")
    if not text and not unix:
        text = parts.path.strip("/")
    if text and not (text.isascii() and text.isdigit()):
        # Not repeated: with an unescaped '/' in the password this is the rest of it.
        raise ValueError("the path of the Redis URL must be a database number, such as /0")
    return int(text or "0")


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError(f"{name} in the Redis URL must be 1 or 0")
    return _FLAGS[text.lower()]


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"{name} in the Redis URL must be a whole number above 0")
    return int(text)


def _check_host(host: str) -> None:
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("the Redis URL's host is not a valid host name") from None
