"""The schema (OpenAPI 3.1) where it says more than the routes do: problems, headers, tokens."""

from __future__ import annotations

import email.message
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from cache_core.api.problems import MEDIA_TYPE, Problem, invalid

SCHEMA = "/api/openapi.json"


class Finding(BaseModel):
    """What is wrong where: a member of the body (a JSON pointer), or a parameter."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="about:blank, or urn:cache-core:problem:… to tell it apart by")
    title: str
    status: int
    detail: str
    instance: str = Field(description="the path that was asked for")
    errors: list[Finding] | None = None


def _problem(description: str, **headers: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        "headers": {
            name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        },
    }


READS: dict[int | str, dict[str, Any]] = {
    401: _problem("No token, or a wrong one.", WWW_Authenticate="Bearer"),
    403: _problem("Closed to other hosts, or the token may look only."),
    422: _problem("A parameter or the body is not as described."),
    429: _problem("Too many wrong tokens.", Retry_After="seconds"),
    500: _problem("Something failed; the log says what."),
    503: _problem("Store or database out of reach, or it took too long.", Retry_After="seconds"),
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: _problem("There is no such thing.")}
WRITES: dict[int | str, dict[str, Any]] = {
    **READS,
    400: _problem("The body cannot be read."),
    413: _problem("The body is too large."),
    415: _problem("The body is not application/json."),
}
RECORDS: dict[int | str, dict[str, Any]] = {
    **WRITES,
    200: {"description": "One with that Idempotency-Key was recorded before; nothing is new."},
    503: _problem(
        "Store or database out of reach, or it took too long. Without Retry-After it may have been "
        "recorded.",
        Retry_After="seconds; if it can be sent again",
    ),
}
STARTS: dict[int | str, dict[str, Any]] = {
    **WRITES,
    409: _problem(
        "Caching is off, nothing to warm it with, or the same is under way.",
        Location="the job under way",
    ),
}


def _header(text: str, kind: str = "string") -> dict[str, Any]:
    return {"description": text, "schema": {"type": kind}}


_OF_READS = {
    "Cache-Status": _header("RFC 9211: hit, or why it was forwarded, and for how long it is fresh"),
    "Age": _header("seconds since it was computed, if it was served from the cache", "integer"),
    "ETag": _header("for If-None-Match"),
    "Cache-Control": _header("private, no-cache: keep it, and ask whether it holds"),
}
CACHED: dict[int | str, dict[str, Any]] = {
    **READS,
    200: {"headers": _OF_READS},
    304: {"description": "The client has it.", "headers": _OF_READS},
}

POSTED: dict[int | str, dict[str, Any]] = {
    **WRITES,
    200: {
        "headers": {
            "Cache-Status": _OF_READS["Cache-Status"],
            "Age": _OF_READS["Age"],
            "Cache-Control": _header("no-store: what was posted nobody keeps"),
        }
    },
}
# Everybody is answered, whatever token they show.
OPEN: dict[int | str, dict[str, Any]] = {code: READS[code] for code in (422, 500)}
PROBLEM = READS[500]["content"]


async def known_parameters(request: Request) -> None:
    """Refuse others: ?usr=ada must not pass for a question about everybody."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        there_are = f"there are: {', '.join(known)}" if known else "there are none"
        name = unknown[0][:100]
        raise invalid([{"detail": f"{name}: no such parameter; {there_are}", "parameter": name}])


async def json_only(request: Request) -> None:
    """Refuse any other body: a form of somebody else's page can send those from a browser."""
    given = request.headers.get("content-type")
    if given is None and not await request.body():
        return  # told as a body that is missing
    message = email.message.Message()
    message["content-type"] = given or ""
    if message.get_content_type() != "application/json":
        raise Problem(415, "Send application/json.", headers={"Accept": "application/json"})


def describe(app: FastAPI) -> dict[str, Any]:
    """The schema of an app, made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        schemas = found["components"]["schemas"]
        reference = "#/components/schemas/{model}"
        details = ProblemDetails.model_json_schema(ref_template=reference)
        schemas |= details.pop("$defs")
        schemas["ProblemDetails"] = details
        app.openapi_schema = found
    return app.openapi_schema
