"""Another process on the store that the environment names: python -m tests.cache.replica DEED ...

It says `ready`, waits for a line, does its deed and prints what came of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from cache_core import Cache, connect
from cache_core.events import NoRecorder
from cache_core.timing import Timing
from tests.servers.places import StorePlace


class Replica:
    """Such a process, from the test's side."""

    def __init__(self, place: StorePlace, *deed: str, hash_seed: str = "0") -> None:
        # A deadline for a machine that is busy: these tests are not about slow stores.
        more = {"CACHE_ENABLED": "on", "CACHE_TIMEOUT_S": "20", "CACHE_CONNECT_TIMEOUT_S": "20"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cache.replica", *deed],
            env={**os.environ, **place.environment(), **more, "PYTHONHASHSEED": hash_seed},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def lines(self) -> list[str]:
        """What it printed, when it is done."""
        output, _ = self._process.communicate(timeout=100)
        assert self._process.returncode == 0
        return output.splitlines()

    def die(self) -> None:
        """End it with SIGKILL, its lease in hand."""
        self._process.kill()
        self._process.communicate()


def run_replica(place: StorePlace, *deed: str, hash_seed: str = "0") -> list[str]:
    """Do one deed in another process; its lines."""
    replica = Replica(place, *deed, hash_seed=hash_seed)
    replica.go()
    return replica.lines()


def read_in_threads(cache: Cache, number: int, log_path: str) -> list[str]:
    """Read one cold key in so many threads at once; the source leaves a line in the log."""
    together = threading.Barrier(number)

    def source() -> str:
        with open(log_path, "a") as log:
            log.write(f"{os.getpid()}\n")
        return f"value of {os.getpid()}"

    def read(_: int) -> str:
        together.wait(30)
        return cache.get_or_compute("ns", "cold", source, ttl_s=60)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(read, range(number)))


def compute_for_ever(cache: Cache) -> None:
    """Take the lease of a key, say so, and never answer."""

    def source() -> None:
        print("computing", flush=True)
        threading.Event().wait()

    short = Cache(cache.store, recorder=NoRecorder(), timing=Timing(lease_s=0.5))
    short.get_or_compute("ns", "k", source, ttl_s=60)


def main(deed: Sequence[str]) -> None:
    with connect() as cache:
        print("ready", flush=True)
        sys.stdin.readline()
        match deed:
            case ["invalidate", "key"]:
                cache.invalidate("ns", "k")
            case ["invalidate", "tag"]:
                cache.invalidate_tags(["t"])
            case ["invalidate", "namespace"]:
                cache.clear("ns")
            case ["read", number, log_path]:
                print(*read_in_threads(cache, int(number), log_path), sep="\n")
            case ["key"]:
                print(function_with_many_arguments(cache))
            case ["hang"]:
                compute_for_ever(cache)
            case _:
                raise SystemExit(f"no such deed: {deed}")


def function_with_many_arguments(cache: Cache) -> str:
    """The key of one call, whose arguments include sets and dicts of text."""

    @cache.cached("ns", ttl_s=60)
    def function(words: set[str], *, by_name: dict[str, object]) -> None:
        return None

    return function.key(
        {"one", "two", "three", "four"}, by_name={"b": frozenset({"x", "y", "z"}), "a": 1.5}
    )


if __name__ == "__main__":
    main(sys.argv[1:])
