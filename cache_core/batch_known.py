"""What is known of a batch's calls, also when one of them fails and none is returned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from cache_core.call import Answer
from cache_core.events import Cause


class Known:
    """By position among the calls: what answered them, why they missed, and whose source failed.

    Positions in neither `answers` nor `failed` were not tried, once one has failed.
    """

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}
        self.causes: Sequence[Cause] = ()
        self.failed: set[int] = set()

    @contextlib.contextmanager
    def blame(self, positions: Iterable[int]) -> Iterator[None]:
        """Note that these failed if the block does."""
        try:
            yield
        except Exception:
            self.failed.update(positions)
            raise

    def answer(self, at: int) -> Answer | None:
        """The answer with the cause of its miss."""
        found = self.answers.get(at)
        return found.because(self.causes[at]) if found is not None and self.causes else found

    def has_failed(self, at: int) -> bool:
        """Whether a call without an answer failed; all did where nothing tells them apart."""
        return at in self.failed or not self.failed


NOTHING = Known()
