"""The routes do what their schema says: it is tried with what it allows and what it does not."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.asking import OPERATE, World, is_problem

ROUTES = [
    ("/api/dashboard/stats", "GET"),
    ("/api/learning/patterns", "GET"),
    ("/api/learning/metrics", "GET"),
    ("/api/learning/analyze", "POST"),
    ("/api/learning/outcomes", "POST"),
    ("/api/cache/metrics", "GET"),
    ("/api/cache/health", "GET"),
    ("/api/cache/warm", "POST"),
    ("/api/cache/clear", "POST"),
    ("/api/cache/jobs", "GET"),
    ("/api/cache/jobs/{verb}/{namespace}", "GET"),
    ("/api/cache/jobs/{verb}/{namespace}", "DELETE"),
    ("/metrics", "GET"),
]
# What a schema cannot say: a name that is repeated, a time that is not to come, a text with words.
STRICTER = {"/api/cache/clear", "/api/learning/outcomes", "/api/learning/analyze"}
SETTINGS = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        (path, method, mode)
        for path, method in ROUTES
        for mode in GenerationMode
        # It takes nothing, so there is nothing to get wrong.
        if (path, mode) != ("/api/cache/health", GenerationMode.NEGATIVE)
    ],
)
def test_every_answer_is_as_the_schema_says(
    world: World, path: str, method: str, mode: GenerationMode
) -> None:
    """Tried with what the schema allows, and with what it does not."""
    operation = schemathesis.openapi.from_asgi("/api/openapi.json", world.app)[path][method]

    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=mode))
    def tried(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(
            headers={"Authorization": f"Bearer {OPERATE}"},
            excluded_checks=[positive_data_acceptance] if path in STRICTER else [],
            timeout=110,
        )

    tried()


def test_it_is_openapi_3_1_with_every_route_and_token(world: World) -> None:
    found = world.ask("/api/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    assert sorted(
        (path, method.upper()) for path, methods in found["paths"].items() for method in methods
    ) == sorted(ROUTES)
    for path, methods in found["paths"].items():
        for operation in methods.values():
            is_open = path == "/api/cache/health"
            assert operation["security"] == [{"HTTPBearer": []}] + [{}] * is_open, path
            assert operation["description"], path

    analyze = found["paths"]["/api/learning/analyze"]["post"]["responses"]
    assert "304" not in analyze
    assert set(analyze["200"]["headers"]) == {"Cache-Status", "Age", "Cache-Control"}
    health = found["paths"]["/api/cache/health"]["get"]["responses"]
    assert set(health) == {"200", "422", "500", "503"}
    assert set(health["503"]["content"]) == {"application/json", "application/problem+json"}
    is_problem(world.ask("/api/cache/health?x=1"), 422)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/api/docs", "/api/redoc"])
def test_there_are_no_pages_that_load_scripts_of_other_hosts(world: World, path: str) -> None:
    assert world.ask(path, token=OPERATE).status_code == 404
