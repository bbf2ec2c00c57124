"""What is done to a cache's server, or to the line to it, and undone."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import redis

from benchmarks.line import Fault, Line
from benchmarks.peers import Peer
from tests.servers.redis_server import RedisServer

PASSWORD = "right"
_OTHER_PASSWORD = "changed"
_AGAIN_S = 0.25

# Done to what is stored, again and again while the fault lasts.
TO_ENTRIES = ("damaged entries", "foreign type", "foreign pickle", "scripts flushed")
_KILL = "kill -9 and restart"
TO_SERVER = ("out of memory", "READONLY replica", "wrong password")
TO_LINE: tuple[str, ...] = get_args(Fault)
# A killed server goes with its line refusing, as nobody would be listening.
OVER_LINE = (*TO_LINE, _KILL)


@dataclass
class Site:
    """A server, the line to it, and the cache whose entries are there."""

    server: RedisServer
    line: Line
    peer: type[Peer]
    marker: Path
    password: str = PASSWORD
    _over: threading.Event = field(default_factory=threading.Event)
    _meddler: threading.Thread | None = None

    def begin(self, fault: str) -> None:
        """Returns when the fault has begun."""
        if fault in TO_LINE:
            self.line.set_fault(fault)  # type: ignore[arg-type]
        elif fault in TO_ENTRIES:
            self._meddler = threading.Thread(target=self._meddle, args=(fault,), daemon=True)
            self._meddler.start()
        elif fault == _KILL:
            self.server.kill()
            self.line.set_fault("refused")
        else:
            self._change_server(fault)

    def end(self, fault: str) -> None:
        """Returns when all is well again."""
        if fault in TO_LINE:
            self.line.set_fault(None)
        elif self._meddler is not None:
            self._over.set()
            self._meddler.join()
        elif fault == _KILL:
            self.server.restart()
            self.line.set_fault(None)
        else:
            self._mend_server(fault)

    def client(self) -> Any:
        """Straight to the server, not over the line."""
        return redis.Redis(port=self.server.port, password=self.password)

    def _change_server(self, fault: str) -> None:
        with self.client() as client:
            if fault == "out of memory":
                client.config_set("maxmemory-policy", "noeviction")
                client.config_set("maxmemory", 1)
            elif fault == "READONLY replica":
                client.replicaof("127.0.0.1", 1)  # nobody is there to follow
            else:
                client.config_set("requirepass", _OTHER_PASSWORD)
                self.password = _OTHER_PASSWORD
                client.client_kill_filter(_type="normal")

    def _mend_server(self, fault: str) -> None:
        with self.client() as client:
            if fault == "out of memory":
                client.config_set("maxmemory", 0)
            elif fault == "READONLY replica":
                client.replicaof("NO", "ONE")
            else:
                client.config_set("requirepass", PASSWORD)
                self.password = PASSWORD

    def _meddle(self, fault: str) -> None:
        deed: Callable[[Any, bytes, bytes], None] = {
            "damaged entries": _damage,
            "foreign type": _put_list,
            "foreign pickle": self._put_pickle,
        }.get(fault, _nothing)
        with self.client() as client:
            while True:
                if fault == "scripts flushed":
                    client.script_flush()
                else:
                    for key in client.scan_iter(count=1000):
                        if self.peer.is_entry(key) and client.type(key) == b"string":
                            deed(client, key, client.get(key) or b"")
                if self._over.wait(_AGAIN_S):
                    return

    def _put_pickle(self, client: Any, key: bytes, stored: bytes) -> None:
        payload = pickle.dumps(_Marking(str(self.marker)))
        client.set(key, self.peer.forged(stored, payload), keepttl=True, xx=True)


class _Marking:
    """Unpickled, it makes a file: harmless, and proof that foreign code ran."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.open, (self._marker, os.O_CREAT | os.O_WRONLY)


def _damage(client: Any, key: bytes, stored: bytes) -> None:
    """One byte in sixteen is another, as a bad disk or a bad migration would leave it."""
    changed = bytes(byte ^ 0x55 if at % 16 == 7 else byte for at, byte in enumerate(stored))
    client.set(key, changed, keepttl=True, xx=True)


def _put_list(client: Any, key: bytes, stored: bytes) -> None:
    life_ms = client.pttl(key)
    with client.pipeline() as pipeline:
        pipeline.delete(key)
        pipeline.rpush(key, stored)
        pipeline.pexpire(key, max(life_ms, 1))
        pipeline.execute()


def _nothing(client: Any, key: bytes, stored: bytes) -> None:
    return
