"""Cached routes of a FastAPI app: dependencies, models and plain values work as before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Request,
    Response,
)
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel

from cache_core import Cache
from cache_core.web.routes import cached_route
from tests.cache.helpers import Clock
from tests.web.helpers import HIT, STORED, Visitor, answer_twice, status


class Product(BaseModel):
    id: int
    name: str = "chair"


class StoredProduct(Product):
    cost: float = 0.5


def api(endpoint: Callable[..., Any], path: str = "/p/{product_id}", **how: Any) -> FastAPI:
    """An app of one route, included as routers are."""
    router = APIRouter()
    router.get(path, **how)(endpoint)
    app = FastAPI()
    app.include_router(router, prefix="/v1")
    return app


PATH = "/v1/p/7"


@pytest.mark.parametrize("is_async", [True, False])
def test_plain_values_are_filtered_by_the_response_model(
    cache: Cache, visitor: Visitor, is_async: bool
) -> None:
    runs = []

    def plain(product_id: int) -> Product:
        runs.append(product_id)
        return StoredProduct(id=product_id)

    async def awaited(product_id: int) -> Product:
        return plain(product_id)

    app = api(cached_route(cache, "ns", ttl_s=60)(awaited if is_async else plain))
    first, second = answer_twice(visitor, app, path=PATH)
    assert (status(first), status(second), runs) == (STORED, HIT, [7])
    assert first.json() == second.json() == {"id": 7, "name": "chair"}
    assert second.headers["content-type"] == "application/json"
    told = visitor.get(app, PATH, headers={"If-None-Match": first.headers["etag"]})
    assert (told.status_code, told.content) == (304, b"")


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"response_model": None}, '{"id":7,"name":"chair","cost":0.5}'),
        ({"response_model": Product, "response_model_exclude_unset": True}, '{"id":7}'),
        ({"response_model": Product, "response_model_include": {"name"}}, '{"name":"chair"}'),
        ({"response_class": JSONResponse, "response_model": Product}, '{"id":7,"name":"chair"}'),
    ],
)
def test_an_answer_is_what_it_is_without_the_decorator(
    memory_cache: Cache, visitor: Visitor, how: dict[str, Any], text: str
) -> None:
    async def answer(product_id: int) -> Any:
        return StoredProduct(id=product_id)

    bare = visitor.get(api(answer, **how), PATH)
    app = api(cached_route(memory_cache, "ns", ttl_s=60)(answer), **how)
    for told in answer_twice(visitor, app, path=PATH):
        assert told.text == bare.text == text
        assert told.headers["content-type"] == bare.headers["content-type"]


def test_a_class_of_responses_set_where_the_router_is_included_counts(
    memory_cache: Cache, visitor: Visitor
) -> None:
    router = APIRouter()

    @router.get("/p")
    @cached_route(memory_cache, "ns", ttl_s=60)
    async def answer() -> Any:
        return "text"

    app = FastAPI()
    app.include_router(router, default_response_class=PlainTextResponse)
    for told in answer_twice(visitor, app, path="/p"):
        assert (told.text, told.headers["content-type"][:10]) == ("text", "text/plain")


def test_one_endpoint_on_two_routes_answers_as_each_of_them(
    memory_cache: Cache, visitor: Visitor
) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60)
    async def answer() -> Any:
        return StoredProduct(id=1)

    app = FastAPI()
    app.get("/all", response_model=StoredProduct)(answer)
    app.get("/some", response_model=Product)(answer)
    assert "cost" in visitor.get(app, "/all").text
    assert "cost" not in visitor.get(app, "/some").text


def test_the_status_of_the_route_counts(memory_cache: Cache, visitor: Visitor) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60, statuses=[202])
    async def answer(product_id: int) -> Any:
        return {"id": product_id}

    first, second = answer_twice(visitor, api(answer, status_code=202), path=PATH)
    assert (first.status_code, second.status_code, status(second)) == (202, 202, HIT)
    plain = api(answer)
    assert status(visitor.get(plain, "/v1/p/8")) == "fwd=uri-miss; detail=status"


def test_responses_are_kept_as_they_are(memory_cache: Cache, visitor: Visitor) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60)
    def answer(product_id: int) -> Response:
        return PlainTextResponse(f"product {product_id}", headers={"X-Own": "1"})

    first, second = answer_twice(visitor, api(answer), path=PATH)
    assert (status(second), second.text) == (HIT, "product 7")
    assert second.headers["x-own"] == first.headers["x-own"] == "1"


def test_the_signature_and_the_document_are_those_of_the_endpoint(memory_cache: Cache) -> None:
    def answer(product_id: int, page: int = 1) -> Product:
        """Tells of a product."""
        return Product(id=product_id)

    def schema(endpoint: Callable[..., Any]) -> dict[str, Any]:
        return api(endpoint).openapi()

    assert schema(cached_route(memory_cache, "ns", ttl_s=60)(answer)) == schema(answer)


def test_parameters_are_checked_and_telling_of_errors_is_left_to_fastapi(
    memory_cache: Cache, visitor: Visitor
) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60)
    async def answer(product_id: int) -> Product:
        raise HTTPException(404, {"none": product_id}, {"X-Why": "none"})

    app = api(answer)
    assert visitor.get(app, "/v1/p/x").status_code == 422
    told = visitor.get(app, PATH)
    assert (told.status_code, told.json()) == (404, {"detail": {"none": 7}})
    assert told.headers["x-why"] == "none"


def test_dependencies_run_for_hits_too(cache: Cache, visitor: Visitor) -> None:
    opened: list[str] = []

    async def session(request: Request) -> AsyncIterator[str]:
        if request.headers.get("x-banned"):
            raise HTTPException(403)
        opened.append("open")
        yield "session"
        opened.append("closed")

    @cached_route(cache, "ns", ttl_s=60)
    async def answer(product_id: int, by: str = Depends(session)) -> dict[str, str]:
        assert opened[-1] == "open"
        return {"by": by}

    app = api(answer)
    _, second = answer_twice(visitor, app, path=PATH)
    assert (status(second), second.json()) == (HIT, {"by": "session"})
    assert opened == ["open", "closed"] * 2
    assert visitor.get(app, PATH, headers={"x-banned": "1"}).status_code == 403


def test_headers_of_a_dependency_are_those_of_this_request(
    memory_cache: Cache, visitor: Visitor
) -> None:
    numbers = iter(range(1, 10))

    def count(response: Response) -> None:
        response.headers["X-Number"] = str(next(numbers))

    @cached_route(memory_cache, "ns", ttl_s=60)
    async def answer(product_id: int, _: None = Depends(count)) -> Product:
        return Product(id=product_id)

    told = answer_twice(visitor, api(answer), path=PATH)
    assert [(status(a), a.headers["x-number"]) for a in told] == [(STORED, "1"), (HIT, "2")]


def test_headers_that_the_endpoint_sets_are_kept(memory_cache: Cache, visitor: Visitor) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60, statuses=[203])
    def answer(product_id: int, response: Response) -> Product:
        response.headers["X-Own"] = "1"
        response.status_code = 203
        return Product(id=product_id)

    for told in answer_twice(visitor, api(answer), path=PATH):
        assert (told.status_code, told.headers["x-own"]) == (203, "1")
        assert len(told.headers.get_list("x-own")) == 1
    assert status(told) == HIT


@pytest.mark.parametrize("by", ["endpoint", "dependency"])
def test_a_cookie_set_beside_a_plain_value_keeps_it_from_being_kept(
    memory_cache: Cache, visitor: Visitor, by: str
) -> None:
    def set_cookie(response: Response) -> None:
        if by == "dependency":
            response.set_cookie("session", "1")

    @cached_route(memory_cache, "ns", ttl_s=60)
    def answer(product_id: int, response: Response, _: None = Depends(set_cookie)) -> Product:
        if by == "endpoint":
            response.set_cookie("session", "1")
        return Product(id=product_id)

    for told in answer_twice(visitor, api(answer), path=PATH):
        assert status(told) == "fwd=uri-miss; detail=set-cookie"
        assert told.headers["set-cookie"].startswith("session=1")
        assert told.json() == {"id": 7, "name": "chair"}


def test_what_has_background_tasks_is_passed_through(memory_cache: Cache, visitor: Visitor) -> None:
    done: list[int] = []

    @cached_route(memory_cache, "ns", ttl_s=60)
    def answer(product_id: int, tasks: BackgroundTasks) -> Product:
        tasks.add_task(done.append, product_id)
        return Product(id=product_id)

    told = answer_twice(visitor, api(answer), path=PATH)
    assert [status(a) for a in told] == ["fwd=uri-miss; detail=background"] * 2
    assert done == [7, 7]


def test_users_and_tags_are_told_by_arguments(cache: Cache, visitor: Visitor) -> None:
    runs = []

    @cached_route(
        cache,
        "ns",
        ttl_s=60,
        user=lambda viewer: viewer,
        tags=lambda request, product_id, viewer: [
            f"product:{product_id}",
            f"user:{viewer}",
            request.method,
        ],
    )
    async def answer(
        product_id: int, viewer: Annotated[str, Depends(APIKeyHeader(name="x-key"))]
    ) -> list[str]:
        runs.append(viewer)
        return [viewer]

    app = api(answer)

    def told(viewer: str) -> list[str]:
        found: list[str] = visitor.get(app, PATH, headers={"x-key": viewer}).json()
        return found

    assert [told("ada"), told("bob"), told("ada")] == [["ada"], ["bob"], ["ada"]]
    assert runs == ["ada", "bob"]
    cache.invalidate_tags(["user:ada"])
    told("ada")
    told("bob")
    assert runs == ["ada", "bob", "ada"]
    cache.invalidate_tags(["product:7", "GET"])
    told("bob")
    assert runs == ["ada", "bob", "ada", "bob"]


def test_a_bearer_token_passes_by_where_nobody_said_whose_answers_are(
    memory_cache: Cache, visitor: Visitor
) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60)
    async def answer(product_id: int, token: Annotated[Any, Depends(HTTPBearer())]) -> str:
        return str(token.credentials)

    app = api(answer)
    for name in ("ada", "bob"):
        told = visitor.get(app, PATH, headers={"Authorization": f"Bearer {name}"})
        assert (told.json(), status(told)) == (name, "fwd=bypass; detail=authorization")


def test_a_cookie_parameter_passes_by_too(memory_cache: Cache, visitor: Visitor) -> None:
    @cached_route(memory_cache, "ns", ttl_s=60)
    async def answer(product_id: int, theme: Annotated[str, Cookie()] = "light") -> str:
        return theme

    app = api(answer)
    assert visitor.get(app, PATH).json() == "light"
    assert visitor.get(app, PATH, headers={"Cookie": "theme=dark"}).json() == "dark"


def region(x_region: Annotated[str, Header()] = "eu") -> str:
    return x_region


class Paging:
    def __init__(self, x_page: Annotated[int, Header()] = 1) -> None:
        self.page = x_page


def of_header(x_region: Annotated[str, Header()] = "eu") -> str:
    return x_region


def of_default(x_region: str = Header("eu")) -> str:
    return x_region


def of_dependency(where: Annotated[str, Depends(region)]) -> str:
    return where


def of_class(paging: Annotated[Paging, Depends()]) -> int:
    return paging.page


def of_scheme(key: Annotated[str, Depends(APIKeyHeader(name="X-Key"))]) -> str:
    return key


@pytest.mark.parametrize(
    ("endpoint", "header"),
    [
        (of_header, "x-region"),
        (of_default, "x-region"),
        (of_dependency, "x-region"),
        (of_class, "x-page"),
        (of_scheme, "x-key"),
    ],
)
def test_a_header_that_is_read_and_is_no_part_of_the_key_is_refused(
    memory_cache: Cache, endpoint: Callable[..., Any], header: str
) -> None:
    with pytest.raises(ValueError, match=f"reads the header '{header}'"):
        cached_route(memory_cache, "ns", ttl_s=60)(endpoint)
    cached_route(memory_cache, "vary", ttl_s=60, vary=[header.title()])(endpoint)
    cached_route(memory_cache, "shared", ttl_s=60, is_shared=True)(endpoint)


def test_a_header_that_says_who_asks_needs_no_vary_beside_the_user(memory_cache: Cache) -> None:
    route = cached_route(memory_cache, "ns", ttl_s=60, user=lambda key: key)
    route(of_scheme)


def test_a_user_may_ask_in_several_ways(memory_cache: Cache) -> None:
    route = cached_route(memory_cache, "ns", ttl_s=60, user=lambda request: "ada")
    with pytest.raises(ValueError, match="reads the header 'x-region'"):
        route(of_dependency)


def test_a_header_named_in_vary_tells_requests_apart(memory_cache: Cache, visitor: Visitor) -> None:
    app = api(cached_route(memory_cache, "ns", ttl_s=60, vary=["x-region"])(of_header), "/r")
    regions = ("us", "eu", "us")
    told = [visitor.get(app, "/v1/r", headers={"X-Region": region}) for region in regions]
    assert [a.json() for a in told] == ["us", "eu", "us"]
    assert status(told[-1]) == HIT


def test_a_value_that_does_not_fit_its_model_fails_as_it_does_without(
    memory_cache: Cache, visitor: Visitor
) -> None:
    from fastapi.exceptions import ResponseValidationError

    @cached_route(memory_cache, "ns", ttl_s=60)
    async def answer(product_id: int) -> Product:
        return {"id": "no number"}  # type: ignore[return-value]

    with pytest.raises(ResponseValidationError):
        visitor.get(api(answer), PATH)


def test_an_old_answer_stands_in_for_a_plain_value(
    ticking_cache: Cache, clock: Clock, visitor: Visitor
) -> None:
    values = iter([1])

    @cached_route(ticking_cache, "ns", ttl_s=60, jitter=0.0, stale_if_error_s=600)
    def answer(product_id: int) -> int:
        return next(values)

    app = api(answer)
    visitor.get(app, PATH)
    clock.advance(70)
    told = visitor.get(app, PATH)
    assert (told.json(), status(told)) == (1, "hit; detail=stale")


def test_an_old_answer_stands_in_where_a_plain_value_goes_with_503(
    ticking_cache: Cache, clock: Clock, visitor: Visitor
) -> None:
    @cached_route(ticking_cache, "ns", ttl_s=60, jitter=0.0, stale_if_error_s=600)
    def answer(product_id: int, response: Response) -> str:
        if clock.now > began_s:
            response.status_code = 503
            return "sorry"
        return "kept"

    began_s = clock.now
    app = api(answer)
    visitor.get(app, PATH)
    clock.advance(70)
    told = visitor.get(app, PATH)
    assert (told.status_code, told.json()) == (200, "kept")
    clock.advance(600)
    told = visitor.get(app, PATH)
    assert (told.status_code, told.json()) == (503, "sorry")
    assert status(told) == "fwd=uri-miss; detail=status"


def test_head_needs_a_route_that_has_it(memory_cache: Cache, visitor: Visitor) -> None:
    async def answer(request: Request) -> str:
        return request.method

    app = FastAPI()
    app.api_route("/", methods=["GET", "HEAD"])(cached_route(memory_cache, "ns", ttl_s=60)(answer))
    told = visitor.ask(app, "HEAD")
    assert (status(told), told.content, told.headers["content-length"]) == (STORED, b"", "5")
    assert visitor.get(app).json() == "GET"
