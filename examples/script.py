"""A plain script. Run it twice: the second time nothing is computed.

pip install ".[redis]"                              (in the checkout, once)
REDIS_URL=redis://127.0.0.1:6379/0 python examples/script.py
"""

import time

from cache_core import connect

with connect() as cache:  # closing hands the figures over

    @cache.cached("script.report", ttl_s=600)
    def report(region: str) -> dict[str, int]:
        time.sleep(0.2)  # a slow query
        return {"orders": 100 * len(region)}

    for region in ("north", "south", "north"):
        read = report.read(region)
        print(region, read.value, read.outcome)
