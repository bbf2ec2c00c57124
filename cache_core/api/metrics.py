"""GET /metrics: what this process counted since it began, for Prometheus.

Of this replica alone, as Prometheus has it: it scrapes each replica and adds up. What all replicas
counted is at /api/cache/metrics.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from cache_core.api.answers import ask
from cache_core.api.schema import READS

Scrape = Callable[[str], tuple[str, bytes]]
"""From an `Accept` header to a content type and the bytes of all metrics."""

router = APIRouter(tags=["metrics"])
METRICS = "/metrics"


@router.get(
    METRICS,
    response_class=PlainTextResponse,
    responses={
        **READS,
        200: {"content": {"application/openmetrics-text": {"schema": {"type": "string"}}}},
    },
)
async def metrics(request: Request) -> Response:
    """Counters of this replica since it began, as OpenMetrics or as Prometheus' older text."""
    scrape: Scrape = request.app.state.scrape
    accept = ", ".join(request.headers.getlist("accept"))
    content_type, body = await ask(request, lambda _: scrape(accept))
    # Not `media_type`, to which Starlette would add a charset of its own.
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
