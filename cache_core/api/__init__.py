"""HTTP routes, thin over the same functions as the pages: `/api/…` and `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from cache_core.api import cache, dashboard, learning, metrics, operating, schema
from cache_core.api.answers import Workers
from cache_core.api.gate import ANSWER_WITHIN_S, Gate
from cache_core.api.looks import Looks
from cache_core.api.problems import tell
from cache_core.api.security import Doorman
from cache_core.api.service import Service
from cache_core.operations import NotAllowedError
from cache_core.stores.base import StoreError

_ABOUT = (
    "What the pages show and operators do. Answers made through the cache say so in Cache-Status; "
    "errors are problem details (RFC 9457). Tokens: API_READ_TOKEN to look, API_OPERATE_TOKEN to "
    "act as well; without either only the machine itself is answered."
)


def routes(
    get_service: Callable[[], Service],
    *,
    scrape: metrics.Scrape,
    is_bound_to_loopback: Callable[[], bool] = lambda: False,
    doorman: Doorman | None = None,
    within_s: float = ANSWER_WITHIN_S,
) -> list[Route]:
    """Routes for a Starlette app, or one of Streamlit's.

    Args:
        get_service: the app; called for each request. Raises ValueError if a setting will not do.
        scrape: what /metrics answers.
        is_bound_to_loopback: whether only this machine reaches the server.
        doorman: who tells callers apart; by default one of this call's own.
        within_s: seconds a request may take.
    """
    gate = Gate(
        _app(scrape),
        get_service,
        doorman or Doorman(is_bound_to_loopback),
        open_to_all=(cache.HEALTH, schema.SCHEMA),
        recording=(learning.OUTCOMES,),
        within_s=within_s,
    )
    return [Route(path, gate) for path in ("/api", "/api/{rest:path}", metrics.METRICS)]


def _app(scrape: metrics.Scrape) -> FastAPI:
    app = FastAPI(
        title="cache_core",
        version="1",
        description=_ABOUT,
        openapi_url=schema.SCHEMA,
        # Their pages load scripts of other hosts.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # What is exported of this process, `exporters` decide; a query holds names of users.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        dependencies=[
            Depends(HTTPBearer(auto_error=False, description="one of the two tokens")),
            Depends(schema.known_parameters),
        ],
    )
    app.state.workers, app.state.looks, app.state.scrape = Workers(), Looks(), scrape
    for part in (dashboard, learning, cache, operating, metrics):
        app.include_router(part.router)
    for kind in (
        HTTPException, RequestValidationError, NotAllowedError, StoreError, SQLAlchemyError,
        Exception,  # told, and raised once more, for the gate to log
    ):  # fmt: skip
        app.add_exception_handler(kind, tell)
    app.openapi = partial(schema.describe, app)  # type: ignore[method-assign]
    return app
