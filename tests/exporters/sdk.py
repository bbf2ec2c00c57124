"""OpenTelemetry's SDK, and what it was told."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cache_core.exporters.opentelemetry import OpenTelemetryRecorder, Spans

END_NS = 1_700_000_000_000_000_000


class Sdk:
    """Providers whose metrics and spans can be read."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))

    def recorder(self, spans: Spans = "misses") -> OpenTelemetryRecorder:
        return OpenTelemetryRecorder(
            self.meters, self.tracers, spans=spans, clock_ns=lambda: END_NS
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def span(self, name: str) -> ReadableSpan:
        """The only one of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def metrics(self) -> Sequence[Metric]:
        data = self.reader.get_metrics_data()
        if data is None:
            return ()
        return data.resource_metrics[0].scope_metrics[0].metrics

    def sums_s(self) -> dict[str, float]:
        """Sums of the histograms, seconds."""
        points = {metric.name: list(metric.data.data_points) for metric in self.metrics()}
        return {name: found[0].sum for name, found in points.items() if hasattr(found[0], "sum")}

    def points(self, name: str) -> dict[tuple[str, ...], float]:
        """Sum of a counter, or count of a histogram, by its attributes' values."""
        found: dict[tuple[str, ...], float] = {}
        for metric in self.metrics():
            for point in metric.data.data_points if metric.name == name else ():
                values = tuple(str(value) for value in (point.attributes or {}).values())
                found[values] = point.count if hasattr(point, "count") else point.value
        return found


def parent_of(span: ReadableSpan) -> int | None:
    """Id of its parent."""
    return None if span.parent is None else span.parent.span_id


def id_of(span: trace.Span | ReadableSpan) -> int:
    """Id of a span."""
    found = span.get_span_context()
    assert found is not None
    return found.span_id


def attributes_of(span: ReadableSpan) -> dict[str, object]:
    """Attributes of a span."""
    return dict(span.attributes or {})
