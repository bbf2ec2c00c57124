"""What is done to a store, and what may be expected of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import redis

from cache_core.keys import lease_key
from cache_core.stores import FieldPut, Put, Store
from tests.resilience.stages import KINDS, REMOTE, Stage
from tests.servers.faulty_line import LineFault
from tests.servers.redis_cluster import until
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import Fault as FrontFault

_PASSWORD = "another-password"


@dataclass(frozen=True)
class Fault:
    """One row of the failure table.

    kinds: of stores it is tried on.
    fails_pings: so that the health check sees it; None where that depends on luck.
    hears_invalidations: they reach the store while the fault lasts; None as above.
    """

    name: str
    begin: Callable[[Stage], None]
    end: Callable[[Stage], None]
    kinds: tuple[str, ...] = REMOTE
    fails_pings: bool | None = True
    hears_invalidations: bool | None = False

    def __str__(self) -> str:
        return self.name


def _line(fault: LineFault, *, late_s: float = 3.0, fails_pings: bool | None = True) -> Fault:
    return Fault(
        fault if fault != "late" else f"each_reply_{late_s:g}_s_late",
        lambda stage: stage.set_line_fault(fault, late_s),
        lambda stage: stage.set_line_fault(None),
        fails_pings=fails_pings,
        hears_invalidations=False if fails_pings else None,
    )


def _front(fault: FrontFault) -> Fault:
    def set_fault(stage: Stage, value: FrontFault | None) -> None:
        assert stage.front is not None
        stage.front.fault = value

    return Fault(
        f"http_{fault}",
        lambda stage: set_fault(stage, fault),
        lambda stage: set_fault(stage, None),
        ("upstash",),
    )


def _for_each_line(what: str) -> Callable[[Stage], None]:
    def do(stage: Stage) -> None:
        for line in stage.lines:
            getattr(line, what)()

    return do


def _for_each_server(what: str) -> Callable[[Stage], None]:
    def do(stage: Stage) -> None:
        for server in stage.servers:
            getattr(server, what)()

    return do


def _restart(stage: Stage) -> None:
    _for_each_server("restart")(stage)
    if stage.cluster is not None:
        until(stage.cluster.agrees)


def _telling(*commands: tuple[object, ...]) -> Callable[[Stage], None]:
    def do(stage: Stage) -> None:
        for command in commands:
            stage.tell(*command)

    return do


def _lock_out(stage: Stage) -> None:
    stage.tell("CONFIG", "SET", "requirepass", _PASSWORD)
    for server in stage.servers:
        with _client_with_password(server) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")


def _let_in(stage: Stage) -> None:
    for server in stage.servers:
        with _client_with_password(server) as client:
            client.config_set("requirepass", "")


def _client_with_password(server: RedisServer) -> redis.Redis:
    return redis.Redis(host="127.0.0.1", port=server.port, password=_PASSWORD, protocol=2)


_primaries: dict[int, RedisServer] = {}


def _become_replica(stage: Stage) -> None:
    """Of a server that knows nothing: what the replica had is gone when it has synchronised."""
    primary = RedisServer("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0")
    _primaries[id(stage)] = primary
    stage.tell("REPLICAOF", "127.0.0.1", primary.port)
    (server,) = stage.servers
    with server.client() as client:
        until(lambda: client.info("replication").get("master_link_status") == "up")


def _become_primary(stage: Stage) -> None:
    stage.tell("REPLICAOF", "NO", "ONE")
    _primaries.pop(id(stage)).stop()


def _damage_entries(stage: Stage) -> None:
    store = _tested(stage)
    store.put_many([Put(name, b"\0not an entry", 60) for name in _names(store, "e")])


def _replace_with_hashes(starts: str) -> Callable[[Stage], None]:
    """Something foreign lies where entries, generations or leases belong."""

    def do(stage: Stage) -> None:
        store = _tested(stage)
        names = [name for start in starts for name in _names(store, start)]
        if "l" in starts:
            names += [lease_key(name) for name in _names(store, "e")]
        store.remove(names)
        store.put_fields([FieldPut(name, "field", b"foreign", 60) for name in names])

    return do


def _tested(stage: Stage) -> Store:
    assert stage.tested is not None
    return stage.tested


def _names(store: Store, start: str) -> list[str]:
    return [name for batch in store.scan(start) for name in batch]


def _nothing(_: Stage) -> None:
    """The fault is over by itself."""


def _written_over(name: str, begin: Callable[[Stage], None]) -> Fault:
    return Fault(name, begin, _nothing, KINDS, fails_pings=False, hears_invalidations=True)


FAULTS = [
    Fault("refused", _for_each_line("refuse"), _for_each_line("listen")),
    _line("silent"),
    Fault("server_frozen", _for_each_server("pause"), _for_each_server("resume")),
    _line("reset_mid_reply"),
    _line("late"),
    # As 0.7 s are to the deadline of 1 s: an answer, but too slow to be worth it.
    _line("late", late_s=0.15, fails_pings=None),
    # Short replies come in time, long ones do not.
    _line("drip", fails_pings=None),
    _line("garbage"),
    Fault("killed_and_restarted", _for_each_server("kill"), _restart),
    Fault(
        "out_of_memory",
        _telling(("CONFIG", "SET", "maxmemory", 1)),
        _telling(("CONFIG", "SET", "maxmemory", 0)),
        fails_pings=False,
        hears_invalidations=True,
    ),
    Fault(
        "read_only_replica",
        _become_replica,
        _become_primary,
        ("redis", "upstash"),
        fails_pings=False,
    ),
    Fault("wrong_password", _lock_out, _let_in),
    _front("unauthorized"),
    _front("throttled"),
    _front("html_500"),
    _front("not_json"),
    _written_over("entries_damaged", _damage_entries),
    _written_over("entries_of_a_foreign_type", _replace_with_hashes("e")),
    _written_over("generations_of_a_foreign_type", _replace_with_hashes("g")),
    _written_over("leases_of_a_foreign_type", _replace_with_hashes("l")),
    Fault(
        "scripts_flushed",
        _telling(("SCRIPT", "FLUSH")),
        _nothing,
        fails_pings=False,
        hears_invalidations=True,
    ),
]
