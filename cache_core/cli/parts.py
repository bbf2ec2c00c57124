"""What commands share: exit codes, the app's settings and store, who acts, how it is shown."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cache_core.cache import Cache
from cache_core.connecting import connect
from cache_core.operations.access import Actor
from cache_core.settings import Settings, read_secrets, settings_with

ALL_DONE, SOME_DONE, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130
OUTPUT_LEFT = 141  # as a shell says of who is ended by SIGPIPE


def app_settings() -> Settings:
    """Settings as the app has them: the environment, then Streamlit's secrets. ValueError if they
    will not do."""
    return settings_with(read_secrets())


@contextmanager
def shared_store() -> Iterator[tuple[Settings, Cache]]:
    """The app's settings and its cache, whose store has answered.

    Raises: StoreError; ValueError if a setting will not do, and for a store in memory: that of the
        app is not to be seen from here.
    """
    settings = app_settings()
    with connect(settings) as cache:
        if cache.store.kind == "memory":
            raise ValueError(
                "no store is configured, so each process has one of its own in memory, and this "
                "command cannot see the app's. Set REDIS_URL, or UPSTASH_REDIS_REST_URL and its "
                "token; `doctor` tells what is configured"
            )
        cache.store.ping()
        # In the background, as otherwise, it would come too late for so short a life.
        cache.store.clock.measure()
        yield settings, cache


def this_operator() -> Actor:
    """Whoever runs the command line.

    Who has the store's address and password here can do all of it with any Redis client: so an
    operator, by the account that this process runs under. `USER` and its like are not asked, as
    anybody may set them.
    """
    return Actor(f"{_account()} (command line)", "operator")


def _account() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except ImportError:  # Windows
        return os.getlogin()
    except KeyError:  # a container's user without a name
        return f"user {os.getuid()}"


def source_of(cache: Cache) -> dict[str, str]:
    """Where figures and entries are, without password: for the head of an output."""
    store = cache.store
    return {"kind": store.kind, "address": store.address, "prefix": store.prefix}


def add_output_options(parser: argparse.ArgumentParser, *, quiet: str | None = None) -> None:
    """--json, and --quiet where a command has it; `quiet`: when nothing is printed then."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    if quiet is not None:
        parser.add_argument("-q", "--quiet", action="store_true", help=f"print nothing {quiet}")


def show(options: argparse.Namespace, plain: dict[str, Any], lines: Sequence[str]) -> None:
    """Print a result: as JSON if that was asked for, else in words."""
    if options.json:
        print(json.dumps(plain, ensure_ascii=False), flush=True)
    else:
        print("\n".join(lines), flush=True)


def aligned(rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)) -> list[str]:
    """Cells in columns: those numbered in `left` begin at the left, the others end at the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
