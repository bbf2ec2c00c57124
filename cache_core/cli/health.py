"""The health command: whether the store answers, how fast, and whether the database can be used."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from cache_core.cache import Cache
from cache_core.cli.parts import (
    ALL_DONE,
    NOTHING_DONE,
    SOME_DONE,
    add_output_options,
    aligned,
    app_settings,
    show,
    source_of,
)
from cache_core.connecting import connect
from cache_core.database.checking import DatabaseState, check_database
from cache_core.insight.wording import plural, seconds
from cache_core.operations.health import PINGS, HealthTest, HealthTests
from cache_core.settings import problem_of
from cache_core.stores.base import StoreError

_TRIAL_READS = 3
_ALONE = (
    "no store is set, so this is one in memory, of this command alone, and says nothing of an app: "
    "set REDIS_URL or UPSTASH_REDIS_REST_URL where this command runs, or ask the app at "
    "/api/cache/health"
)
_HELP = f"""\
Is the store up, how fast does it answer, and can the database be used?
Sends {PINGS} pings and {_TRIAL_READS} reads; the reads show whether a process would keep using the
store, or find it failing or slow and open its circuit breaker. Looks at the database without
changing it.

Breaker and waiting invalidations are those of this command. Each process has its own; those of a
running app are at /api/cache/health and on its Setup page.

examples:
  python -m cache_core health
  python -m cache_core health --quiet || mail -s "cache" ops@example.org
  python -m cache_core health --json

exit codes:
  0  up: the store answers and the database can be used
  1  degraded: the store does not answer or is too slow, so reads go to their sources; or the
     database cannot be used; or no store is set, so that nothing is known of one that is shared
  2  misconfigured: a setting will not do
"""


def prepare(parser: argparse.ArgumentParser) -> None:
    """Put options and help into the command's parser."""
    parser.description = _HELP
    add_output_options(parser, quiet="while all is well")
    parser.set_defaults(run=_health)


def _health(options: argparse.Namespace) -> int:
    try:
        settings = app_settings()
        cache = connect(settings)
        database = check_database(settings.database_url.get_secret_value())
    except ValueError as exc:
        return _misconfigured(options, problem_of(exc))
    with cache:
        pinged = HealthTests().run(cache)
        refused = _try_reads(cache)
        problem = pinged.problem or refused
        is_up = problem is None and database.problem is None
        if not (options.quiet and is_up):
            plain = _plain(cache, pinged, problem, database, is_up=is_up)
            show(options, plain, _words(plain, cache))
    return ALL_DONE if is_up else SOME_DONE


def _misconfigured(options: argparse.Namespace, problem: str) -> int:
    if options.json:
        print(json.dumps({"status": "misconfigured", "problem": problem}, ensure_ascii=False))
    else:
        print(f"misconfigured: {problem}", file=sys.stderr)
    return NOTHING_DONE


def _try_reads(cache: Cache) -> str | None:
    """Read what nobody wrote, as often as may open the breaker; what is wrong."""
    problem = None
    if cache.store.kind == "memory":
        return _ALONE
    for _ in range(_TRIAL_READS):
        try:
            cache.store.get_many(["health"])
        except StoreError as exc:
            problem = str(exc)
    if problem is None and cache.is_store_down:
        return "it answers, but so slowly that reads do better without it"
    return problem


def _plain(
    cache: Cache,
    pinged: HealthTest,
    problem: str | None,
    database: DatabaseState,
    *,
    is_up: bool,
) -> dict[str, Any]:
    return {
        "status": "up" if is_up else "degraded",
        "store": {
            **source_of(cache),
            "status": "up" if problem is None else "down",
            "pings": len(pinged.times_s),
            "median_ms": _ms(pinged.median_s),
            "worst_ms": _ms(pinged.worst_s),
            "problem": problem,
        },
        "caching": cache.is_on,
        "breaker": "open" if cache.is_store_down else "closed",
        "pending_invalidations": cache.pending_invalidations,
        "database": {
            "status": "up" if database.problem is None else "down",
            "address": database.address,
            "is_made": database.is_made,
            "problem": database.problem,
        },
    }


def _words(plain: dict[str, Any], cache: Cache) -> list[str]:
    store, database = plain["store"], plain["database"]
    told = [("store", f"{store['status']}: {store['address']}, prefix {store['prefix']}")]
    if store["problem"]:
        told.append(("", store["problem"]))
    if store["pings"]:
        fast = f"median {_time(store['median_ms'])}, worst {_time(store['worst_ms'])}"
        told.append(("latency", f"{fast}, of {plural(store['pings'], 'ping')}"))
    told += [
        ("caching", "on" if plain["caching"] else "off (CACHE_ENABLED)"),
        ("breaker", _breaker(plain["breaker"])),
        ("waiting", plural(plain["pending_invalidations"], "invalidation")),
        ("database", f"{database['status']}: {database['address']}"),
    ]
    if database["problem"]:
        told.append(("", database["problem"]))
    elif not database["is_made"]:
        told.append(("", "not there yet: it is made when the app starts"))
    return [plain["status"], *(f"  {line}" for line in aligned(told, left=(0, 1)))]


def _breaker(state: str) -> str:
    if state == "closed":
        return "closed"
    return "open: a process would leave the store alone until it answers again"


def _ms(duration_s: float | None) -> float | None:
    return None if duration_s is None else round(duration_s * 1000, 3)


def _time(duration_ms: float) -> str:
    return seconds(duration_ms / 1000)
