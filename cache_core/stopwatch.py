"""Times one operation (a read, a batch, a refresh, a warming) and keeps what traces it.

Nearly every read is a hit and runs no source, so a trace is begun only when a source is about to
run, from the time the operation began.
"""

from __future__ import annotations

from cache_core.events import Operation, Trace, Tracer
from cache_core.timing import Timing


class Stopwatch:
    """When an operation began, when the store first answered it, and its trace if it has one.

    `tracer`: who may want to trace it.
    """

    __slots__ = ("_began", "_monotonic", "_operation", "_tracer", "began_s", "store_s", "trace")

    def __init__(
        self, timing: Timing, tracer: Tracer | None = None, operation: Operation = "read"
    ) -> None:
        self._tracer = tracer
        self._operation: Operation = operation
        self.trace: Trace | None = None
        self._monotonic = timing.monotonic
        self.began_s = timing.clock()
        self._began = self._monotonic()
        self.store_s: float | None = None

    def passed_s(self) -> float:
        return self._monotonic() - self._began

    def shared_out(self, reads: int) -> float:
        """The share of each of so many reads in the time that passed; they end now, not early."""
        passed_s = self.passed_s()
        share_s = passed_s / reads
        self.began_s += passed_s - share_s
        self._began += passed_s - share_s
        return share_s

    def store_answered(self) -> None:
        self.store_s = self.passed_s()

    def traced(self, namespace: str) -> Trace | None:
        """The trace, begun when it is first asked for: a source is about to run."""
        if self.trace is None and self._tracer is not None:
            self.trace = self._tracer.trace(namespace, self._operation, self.passed_s())
        return self.trace

    def trace_in_background(self, namespace: str) -> None:
        """Begin the trace here, where the caller's context is; it goes on elsewhere."""
        if self._tracer is not None:
            self.trace = self._tracer.trace(namespace, self._operation, 0.0, in_background=True)

    def end(self) -> None:
        """End the trace, if there is one; a source that goes on beside may still use it."""
        if self.trace is not None:
            self.trace.end()
