"""What an answer may say at least and at most, shared by all processes of the run.

The version of a user is the number of their outcomes. Each user has one writer, so each number has
one writer too: eight aligned bytes in a file that all processes map.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

_ROWS = 2


class Versions:
    """Two numbers for each user.

    `begun`: outcomes whose writing has begun; no answer may count more. `told`: outcomes after
    which the answers from before were invalidated in every process; no later read may count fewer.
    """

    def __init__(self, path: Path, users: int) -> None:
        """A file that `make` made; by each process of the run."""
        shape = (_ROWS, users)
        self._table = np.memmap(path, dtype=np.int64, mode="r+", shape=shape)

    @staticmethod
    def make(path: Path, users: int) -> None:
        """Make the file, once and before any process starts: it is all zeros."""
        path.write_bytes(bytes(_ROWS * users * 8))

    def begin(self, user: int) -> None:
        """One more is being written."""
        self._table[0, user] += 1

    def tell(self, user: int, version: int) -> None:
        """Answers from before this version are gone everywhere."""
        self._table[1, user] = max(version, int(self._table[1, user]))

    def begun(self, user: int | None) -> int:
        """At most; `None`: of all users together."""
        return int(self._table[0].sum() if user is None else self._table[0, user])

    def told(self, user: int | None) -> int:
        """At least; `None`: of all users together."""
        return int(self._table[1].sum() if user is None else self._table[1, user])
