"""A finaliser that reads the cache in the middle of another read hangs nobody."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cache.helpers import PATIENCE_S


@pytest.mark.parametrize("near_ttl_s", [0, 5])
def test_a_finaliser_may_read_while_its_thread_reads(near_ttl_s: float) -> None:
    command = [sys.executable, "-m", "tests.cache.finalisers", str(near_ttl_s), str(PATIENCE_S)]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False
    )
    assert ended.stdout == "done\n", ended.stderr
    assert not ended.stderr
