"""Several recorders behind one, none of which can fail a read."""

from __future__ import annotations

from collections.abc import Callable

from cache_core.events import Incident, ReadEvent, Recorder
from cache_core.logs import in_short, log


class Tee:
    """A Recorder that tells several. What one raises is logged; the others are told all the same.

    Safe between threads, also while one is added.
    """

    def __init__(self, *recorders: Recorder) -> None:
        self.recorders = recorders
        self._reads = _reads_of(recorders)

    def add(self, recorder: Recorder) -> None:
        """Tell this one too from now on; nothing happens if it is told already."""
        if recorder not in self.recorders:
            self.recorders = (*self.recorders, recorder)
            self._reads = _reads_of(self.recorders)

    def read(self, event: ReadEvent) -> None:
        """Tell each of a read."""
        for read in self._reads:
            try:
                read(event)
            except Exception as exc:  # noqa: BLE001
                _failed("a read could not be counted: %s", exc)

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Tell each of something beside the reads."""
        for recorder in self.recorders:
            try:
                recorder.count(namespace, incident, number)
            except Exception as exc:  # noqa: BLE001
                _failed("an incident could not be counted: %s", exc)

    def close(self) -> None:
        """Close each."""
        for recorder in self.recorders:
            try:
                recorder.close()
            except Exception as exc:  # noqa: BLE001
                _failed("figures could not be handed over: %s", exc)


def _reads_of(recorders: tuple[Recorder, ...]) -> tuple[Callable[[ReadEvent], None], ...]:
    return tuple(recorder.read for recorder in recorders)


def _failed(message: str, exc: Exception) -> None:
    log.error("not_counted", message, in_short(exc))
