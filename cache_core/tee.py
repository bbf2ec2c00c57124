"""Several recorders behind one, none of which can fail a read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType

from cache_core.events import Incident, Operation, ReadEvent, Recorder, Trace, Tracer
from cache_core.logs import in_short, log

_Read = Callable[[ReadEvent], None]

_UNCOUNTED = "a read could not be counted: %s"
_UNTRACED = "an operation could not be traced: %s"


class Tee:
    """A Recorder that tells several. What one raises is logged; the others are told all the same.

    Also a Tracer, for those of them that are. Safe between threads, also while one is added.
    """

    def __init__(self, *recorders: Recorder) -> None:
        self._tell(recorders)

    def add(self, recorder: Recorder) -> None:
        """Tell this one too from now on; nothing happens if it is told already."""
        if recorder not in self.recorders:
            self._tell((*self.recorders, recorder))

    def _tell(self, recorders: tuple[Recorder, ...]) -> None:
        self.recorders = recorders
        self._reads = tuple(recorder.read for recorder in recorders)
        self._is_tracing = any(isinstance(recorder, Tracer) for recorder in recorders)

    def read(self, event: ReadEvent) -> None:
        """Tell each of a read."""
        for read in self._reads:
            try:
                read(event)
            except Exception as exc:  # noqa: BLE001
                _failed(_UNCOUNTED, exc)

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Tell each of something beside the reads."""
        for recorder in self.recorders:
            try:
                recorder.count(namespace, incident, number)
            except Exception as exc:  # noqa: BLE001
                _failed("an incident could not be counted: %s", exc)

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        """Tell each of a recompute."""
        for recorder in self.recorders:
            try:
                recorder.recomputed(namespace, key, is_changed, age_s)
            except Exception as exc:  # noqa: BLE001
                _failed("a recompute could not be counted: %s", exc)

    @property
    def lost_periods(self) -> int:
        """Minutes and hours of figures that recorders lost, where they know."""
        return sum(getattr(recorder, "lost_periods", 0) for recorder in self.recorders)

    def trace(
        self, namespace: str, operation: Operation, passed_s: float, *, in_background: bool = False
    ) -> Trace | None:
        """A trace by each that wants one, as one; None if none does."""
        if not self._is_tracing:
            return None
        reads: list[_Read] = []
        traces: list[Trace] = []
        for recorder in self.recorders:
            read = recorder.read
            if isinstance(recorder, Tracer):
                try:
                    trace = recorder.trace(
                        namespace, operation, passed_s, in_background=in_background
                    )
                    if trace is not None:
                        read = trace.read
                        traces.append(trace)
                except Exception as exc:  # noqa: BLE001
                    _failed(_UNTRACED, exc)
            reads.append(read)
        return _Traces(tuple(reads), traces) if traces else None

    def close(self) -> None:
        """Close each."""
        for recorder in self.recorders:
            try:
                recorder.close()
            except Exception as exc:  # noqa: BLE001
                _failed("figures could not be handed over: %s", exc)


class _Traces:
    """Several traces of one operation as one. `reads`: of every recorder, tracing or not."""

    def __init__(self, reads: tuple[_Read, ...], traces: list[Trace]) -> None:
        self._reads = reads
        self._traces = traces

    @contextlib.contextmanager
    def source(self) -> Iterator[None]:
        """Inside the source of each."""
        with contextlib.ExitStack() as stack:
            for trace in self._traces:
                try:
                    around = trace.source()
                    around.__enter__()
                    stack.push(_leaving(around))
                except Exception as exc:  # noqa: BLE001
                    _failed(_UNTRACED, exc)
            yield

    def read(self, event: ReadEvent) -> None:
        """Tell each of a read."""
        for read in self._reads:
            try:
                read(event)
            except Exception as exc:  # noqa: BLE001
                _failed(_UNCOUNTED, exc)

    def end(self) -> None:
        """End each."""
        for trace in self._traces:
            try:
                trace.end()
            except Exception as exc:  # noqa: BLE001
                _failed(_UNTRACED, exc)


def _leaving(around: AbstractContextManager[object]) -> Callable[..., bool]:
    """Leaves `around`, which shows it what the source raised and lets it change nothing."""

    def leave(
        kind: type[BaseException] | None, raised: BaseException | None, at: TracebackType | None
    ) -> bool:
        try:
            around.__exit__(kind, raised, at)
        except Exception as exc:  # noqa: BLE001
            if exc is not raised:
                _failed(_UNTRACED, exc)
        return False

    return leave


def _failed(message: str, exc: Exception) -> None:
    log.error("not_counted", message, in_short(exc))
