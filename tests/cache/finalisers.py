"""Reads a cache while garbage is collected at every other step, by objects that read it as well."""

from __future__ import annotations

import faulthandler
import gc
import sys
from typing import Any

from cache_core import Cache
from cache_core.events import NoRecorder
from cache_core.stores.memory import MemoryStore

THRESHOLDS = range(1, 300)


def main(near_ttl_s: float, limit_s: float) -> None:
    """Exit with 1, and say where, if it takes longer than `limit_s`."""
    faulthandler.dump_traceback_later(limit_s, exit=True)
    cache = Cache(MemoryStore(), recorder=NoRecorder())
    read: Any = cache.cached("ns", ttl_s=60, near_ttl_s=near_ttl_s, tags=["t"])(lambda key: [key])
    finalised = 0

    class Reading:
        """In a cycle of its own, so that only a collection ends it."""

        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            nonlocal finalised
            finalised += 1
            key = 10**9 + finalised
            assert read(key) == read(key) == [key]
            if finalised % 3 == 0:
                cache.invalidate_tags(["t"])

    gc.disable()
    gc.collect()
    gc.freeze()  # what is there from the start is not looked through each time
    for threshold in THRESHOLDS:
        gc.collect()
        Reading()
        gc.set_threshold(threshold, 1000, 1000)
        gc.enable()
        assert read(threshold) == read(threshold) == [threshold]
        gc.disable()
    assert finalised >= len(THRESHOLDS) / 2
    print("done")


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
