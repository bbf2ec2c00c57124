"""Errors as problem details (RFC 9457): what went wrong, for a program and for its reader.

No stack, no secret, and no text of an exception but our own, which are sentences without either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from cache_core.operations import NotAllowedError
from cache_core.stores.base import StoreError

MEDIA_TYPE = "application/problem+json"

_IN_PATH = "/:@!$&'()*+,;="  # beside letters and digits (RFC 3986, section 3.3)

# Problems that say more than their status: a program may tell them apart by `type`.
TITLES = {
    "invalid": "The request is not as the schema says",
    "closed": "Closed to other hosts",
    "store-unreachable": "The store is out of reach",
    "database-unreachable": "The database is out of reach",
    "misconfigured": "A setting will not do",
    "took-too-long": "The answer took too long",
    "caching-off": "Caching is off",
    "not-warmable": "Nothing is known to warm it with",
    "under-way": "The same is under way",
}
_RETRY_S = 5
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # HEAD is answered as GET is


class Problem(HTTPException):
    """Ends a request with problem details.

    `kind`: one of TITLES, or None where the status says it all. `more`: further members.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.kind = kind
        self.more = dict(more or {})


def respond(problem: HTTPException, path: str) -> Response:
    """The answer that a problem is told with; `path` of what was asked for."""
    kind = problem.kind if isinstance(problem, Problem) else None
    more = problem.more if isinstance(problem, Problem) else {}
    phrase = HTTPStatus(problem.status_code).phrase
    content = {
        "type": "about:blank" if kind is None else f"urn:cache-core:problem:{kind}",
        "title": phrase if kind is None else TITLES[kind],
        "status": problem.status_code,
        "detail": _detail(problem),
        "instance": quote(path, safe=_IN_PATH, errors="replace"),
        **more,
    }
    headers = {"Cache-Control": "no-store", **(problem.headers or {})}
    return Response(orjson.dumps(content), problem.status_code, headers, MEDIA_TYPE)


def _detail(problem: HTTPException) -> str:
    if isinstance(problem, Problem):
        return problem.detail
    match problem.status_code:
        case 404:
            return "There is nothing at this address; /api/openapi.json lists what there is."
        case 405:
            return f"Here is answered: {(problem.headers or {}).get('Allow', 'another method')}."
        case 400:
            return "The body cannot be read."
    return HTTPStatus(problem.status_code).description or "The request was not answered."


def problem_of(exc: Exception) -> HTTPException:
    """The problem that an exception of ours, or of what we call, stands for."""
    match exc:
        case HTTPException():
            return exc
        case RequestValidationError():
            return invalid([_told(error) for error in exc.errors()])
        case NotAllowedError():
            challenge = 'Bearer realm="cache_core", error="insufficient_scope"'
            return Problem(403, f"{exc}.", headers={"WWW-Authenticate": challenge})
        case StoreError():
            return unavailable("store-unreachable", f"{exc}.")
        case SQLAlchemyError():
            return unavailable("database-unreachable", "The database gives no answer.")
    return Problem(500, "Something failed here; the log of the server says what and where.")


def unavailable(kind: str, detail: str) -> Problem:
    """503: asking again later may help."""
    return Problem(503, detail, kind=kind, headers={"Retry-After": str(_RETRY_S)})


def perhaps_recorded(kind: str, detail: str) -> Problem:
    """503 to what would be recorded twice if it were sent twice: nothing invites to ask again."""
    return Problem(
        503,
        f"{detail} The outcome may have been recorded all the same: look before you send it again. "
        "With an Idempotency-Key it could be sent again safely.",
        kind=kind,
    )


def invalid(errors: Sequence[Mapping[str, str]]) -> Problem:
    """422, with what is wrong where; each error as `wrong` or `_told` gives it."""
    detail = "; ".join(error["detail"] for error in errors[:3])
    return Problem(422, f"{detail}.", kind="invalid", more={"errors": list(errors[:20])})


def wrong(detail: str, field: str | None = None) -> Problem:
    """422 for the body, or for one field of it, found by more than the schema can say."""
    if field is None:
        return invalid([{"detail": detail, "pointer": "#"}])
    return invalid([{"detail": f"{field}: {detail}", "pointer": f"#/{field}"}])


def _told(error: Mapping[str, Any]) -> dict[str, str]:
    """One finding of the validation, without the value it was found in."""
    place, *path = error["loc"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if place == "body" and error["type"] != "json_invalid":
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
        pointer = "".join(f"/{step}" for step in steps)
        name = ".".join(map(str, path))[:100] or "body"
        return {"detail": f"{name}: {message}", "pointer": f"#{pointer[:200]}"}
    if place == "body":
        return {"detail": "the body is not JSON", "pointer": "#"}
    name = ".".join(map(str, path))[:100]
    return {"detail": f"{name}: {message}", "parameter": name}


async def tell(request: Request, exc: Exception) -> Response:
    """FastAPI's handler of exceptions."""
    problem = problem_of(exc)
    if problem.status_code == 405:
        problem = HTTPException(405, headers={"Allow": ", ".join(_methods(request))})
    return respond(problem, request.scope["path"])


def _methods(request: Request) -> list[str]:
    """What is answered at a path: by all of its routes, of which the framework names the first."""

    def is_answered(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)

    found = [method for method in _METHODS if is_answered(method)]
    return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found
