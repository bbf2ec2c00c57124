"""Headers that FastAPI reads for an endpoint and that no key holds mix nobody's answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from cache_core import Cache
from cache_core.web.header_parameters import of_route
from cache_core.web.rendering import route_of
from cache_core.web.routes import cached_route
from tests.web.helpers import HIT, Visitor, status

if TYPE_CHECKING:
    from nowhere import OnlyTyped  # type: ignore[import-not-found]


class Named(BaseModel):
    x_tenant: str = "-"
    given: str = Field("-", alias="X-Given")


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    x_tenant: str = Field("-", alias="X-Other")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


def of_typed(x_tenant: Annotated[str, Header()] = "-") -> OnlyTyped:
    return x_tenant


def of_typed_dependency(where: Annotated[str, Depends(of_typed)]) -> str:
    return where


def of_underscores(
    x_tenant: Annotated[str, Header(convert_underscores=False)] = "-",
) -> str:
    return x_tenant


def of_alias(x: Annotated[str, Header(alias="x_tenant")] = "-") -> str:
    return x


def of_validation_alias(x: Annotated[str, Header(validation_alias="X-Tenant")] = "-") -> str:
    return x


def of_choices(
    x: Annotated[str, Header(validation_alias=AliasChoices("X-Tenant", "x_old"))] = "-",
) -> str:
    return x


def of_model(named: Annotated[Named, Header()]) -> str:
    return named.x_tenant


def of_optional_model(named: Annotated[Named | None, Header()] = None) -> str:
    return "-" if named is None else named.x_tenant


def of_model_by_name(named: Annotated[ByName, Header()]) -> str:
    return named.x_tenant


def of_open_model(named: Annotated[Open, Header()]) -> dict[str, Any]:
    return named.model_dump()


READ: list[tuple[Callable[..., Any], set[str]]] = [
    (of_typed, {"x-tenant"}),
    (of_typed_dependency, {"x-tenant"}),
    (of_underscores, {"x_tenant"}),
    (of_alias, {"x_tenant"}),
    (of_validation_alias, {"x-tenant"}),
    (of_choices, {"x-tenant", "x_old"}),
    (of_model, {"x-tenant", "x-given"}),
    (of_optional_model, {"x-tenant", "x-given"}),
    (of_model_by_name, {"x-tenant", "x-other"}),
    (of_open_model, {"*"}),
]


@pytest.mark.parametrize(("endpoint", "names"), READ)
def test_every_header_that_fastapi_reads_is_to_be_named(
    memory_cache: Cache, endpoint: Callable[..., Any], names: set[str]
) -> None:
    for name in names:
        others = names - {name, "*"}
        with pytest.raises(ValueError, match="reads the header"):
            cached_route(memory_cache, "ns", ttl_s=60, vary=others)(endpoint)
    if "*" not in names:
        cached_route(memory_cache, "ns", ttl_s=60, vary=names)(endpoint)


@pytest.mark.parametrize(("endpoint", "names"), READ)
def test_a_route_tells_the_same_headers_as_the_signature(
    visitor: Visitor, endpoint: Callable[..., Any], names: set[str]
) -> None:
    app = FastAPI()
    app.get("/", response_model=None)(endpoint)
    assert {header for header, _ in of_route(app.routes[-1])} == names
    for name in names - {"*"}:
        value = visitor.get(app, headers={name: "here"}).json()
        assert value == ("-" if name == "x-given" else "here")


@pytest.mark.parametrize("place", ["route", "router", "inclusion", "app"])
def test_a_header_read_beside_the_endpoint_makes_requests_pass_by(
    memory_cache: Cache, visitor: Visitor, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def tenant(request: Request, x_tenant: Annotated[str, Header()]) -> None:
        request.state.tenant = x_tenant

    def at(here: str) -> list[Any]:
        return [Depends(tenant)] if place == here else []

    def made(namespace: str, **rules: Any) -> FastAPI:
        router = APIRouter(dependencies=at("router"))

        async def answer(request: Request) -> str:
            return str(request.state.tenant)

        route = cached_route(memory_cache, namespace, ttl_s=60, **rules)
        router.get("/", dependencies=at("route"))(route(answer))
        app = FastAPI(dependencies=at("app"))
        app.include_router(router, dependencies=at("inclusion"))
        return app

    def told(app: FastAPI) -> list[tuple[str, str]]:
        answers = [visitor.get(app, headers={"X-Tenant": name}) for name in ("a", "b", "a")]
        return [(answer.json(), status(answer)) for answer in answers]

    passed = "fwd=bypass; detail=header"
    with caplog.at_level(logging.ERROR, "cache_core"):
        assert told(made("ns")) == [("a", passed), ("b", passed), ("a", passed)]
    (line,) = caplog.records
    assert (vars(line)["cache_event"], vars(line)["cache_namespace"]) == ("header_not_keyed", "ns")
    assert "'x-tenant'" in line.getMessage()
    assert told(made("named", vary=["x-tenant"]))[2] == ("a", HIT)
    assert told(made("shared", is_shared=True))[1] == ("a", HIT)


def test_within_a_mounted_app_its_own_route_is_looked_at(
    memory_cache: Cache, visitor: Visitor
) -> None:
    async def tenant(request: Request, x_tenant: Annotated[str, Header()]) -> None:
        request.state.tenant = x_tenant

    inner = FastAPI(dependencies=[Depends(tenant)])

    @inner.get("/", status_code=203)
    @cached_route(memory_cache, "ns", ttl_s=60, statuses=[203])
    async def answer(request: Request) -> str:
        assert route_of(request).path == "/"
        return str(request.state.tenant)

    router = APIRouter()
    router.mount("/in", inner)
    app = FastAPI()
    app.include_router(router)
    for name in ("a", "b"):
        told = visitor.get(app, "/in/", headers={"X-Tenant": name})
        assert (told.status_code, told.json()) == (203, name)
