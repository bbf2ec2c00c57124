"""Spans of operations that run a source: the operation's, and within it one for each run.

A span cannot be given a parent once it has begun. So the operation's begins, from the time it was
called, when its source is about to run, and the source runs inside a span of its own.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from opentelemetry import context, trace

from cache_core.events import Operation, Outcome, ReadEvent

Attributes = Mapping[str, str | bool]

UNTOLD = "_OTHER"  # the conventions' word for an error whose type is not told
# A batch is as bad as its worst read.
_WORST_FIRST: tuple[Outcome, ...] = ("error", "bypass", "miss", "stale", "hit")


class SpanMaker(NamedTuple):
    """Begins and ends spans of a namespace."""

    tracer: trace.Tracer
    clock_ns: Callable[[], int]
    namespace: str

    def begin(
        self,
        what: str,
        within: context.Context | None = None,
        *,
        passed_s: float = 0.0,
        links: Sequence[trace.Link] = (),
    ) -> trace.Span:
        return self.tracer.start_span(
            f"cache {what} {self.namespace}",
            within,
            attributes={"cache.namespace": self.namespace},
            links=links,
            start_time=self.clock_ns() - int(passed_s * 1e9),
        )


class OperationTrace:
    """The span of a read, a batch, a refresh or a warming, around those of its sources."""

    def __init__(
        self,
        spans: SpanMaker,
        operation: Operation,
        passed_s: float,
        counted: Callable[[ReadEvent], Attributes],
        *,
        in_background: bool,
    ) -> None:
        """`counted`: counts a read and gives its attributes."""
        self._spans = spans
        self._operation = operation
        self._counted = counted
        self._reads: list[tuple[ReadEvent, Attributes]] = []
        self._failure: str | None = None
        self._span: trace.Span | None = None
        if in_background:  # its span begins with its source, if that runs at all
            self._set_off_by = trace.get_current_span().get_span_context()
        else:
            self._span = spans.begin(operation, passed_s=passed_s)

    @contextlib.contextmanager
    def source(self) -> Iterator[None]:
        """The span of one run of the source, which is current meanwhile."""
        if self._span is None:
            self._span = self._root()
        within = trace.set_span_in_context(self._span)
        span = self._spans.begin("source", within)
        token = context.attach(trace.set_span_in_context(span, within))
        try:
            yield
        except Exception as exc:  # not what stops a task or a thread: the API draws the same line
            self._failure = _type_of(exc)
            _record(span, exc)
            raise
        finally:
            context.detach(token)
            span.end(self._spans.clock_ns())

    def _root(self) -> trace.Span:
        """A span that has no parent: whoever set this off does not wait for it."""
        nowhere = trace.set_span_in_context(trace.INVALID_SPAN)
        links = [trace.Link(self._set_off_by)] if self._set_off_by.is_valid else []
        return self._spans.begin(self._operation, nowhere, links=links)

    def read(self, event: ReadEvent) -> None:
        """Count one read; the span tells of it when it ends."""
        self._reads.append((event, self._counted(event)))

    def end(self) -> None:
        """End the span."""
        if self._span is None:
            return
        if self._span.is_recording():
            self._describe(self._span)
        self._span.end(self._spans.clock_ns())

    def _describe(self, span: trace.Span) -> None:
        if self._reads:
            event, attributes = min(
                self._reads, key=lambda read: _WORST_FIRST.index(read[0].outcome)
            )
            span.set_attributes(attributes)
            if event.store_s is not None:
                span.set_attribute("cache.store.duration", event.store_s)
            if len(self._reads) > 1:
                span.set_attribute("cache.batch.size", len(self._reads))
            has_failed = event.outcome == "error"
        else:
            has_failed = self._failure is not None
        if has_failed:
            span.set_attribute("error.type", self._failure or UNTOLD)
            span.set_status(trace.StatusCode.ERROR)


def _record(span: trace.Span, exc: Exception) -> None:
    """Where a source's exception came from; its text may quote what users typed."""
    kind = _type_of(exc)
    stack = "".join(traceback.format_tb(exc.__traceback__))
    span.add_event("exception", {"exception.type": kind, "exception.stacktrace": stack + kind})
    span.set_attribute("error.type", kind)
    span.set_status(trace.StatusCode.ERROR)


def _type_of(exc: Exception) -> str:
    kind = type(exc)
    within = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return within + kind.__qualname__
