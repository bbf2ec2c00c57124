"""Pages on PostgreSQL, while it answers, while it does not, and when it is back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cache_core.database import open_database
from cache_core.database.upgrading import HEAD, bring_up_to_date
from tests.cache.helpers import until
from tests.database.legacy import later_scripts
from tests.pages.conftest import OpenApp, texts
from tests.servers.postgres import PostgresServer
from ui.app import App

AWAY = "database does not answer"


@pytest.mark.parametrize(
    ("page", "says_so"),
    [("dashboard", True), ("history", True), ("operations", True), ("overview", False)],
)
def test_a_page_says_so_while_the_database_is_away_and_is_back_with_it(
    open_app: OpenApp,
    running: Callable[[], App],
    postgres_server: PostgresServer,
    postgres_url: str,
    page: str,
    says_so: bool,
) -> None:
    at = open_app(page, DATABASE_URL=postgres_url)
    assert not at.exception
    assert AWAY not in texts(at)
    app = running()
    for namespace in app.cache.namespaces():  # what is kept would be shown
        app.cache.clear(namespace)
    app.forget_figures()
    postgres_server.refuse(postgres_url)
    at.run()
    assert not at.exception
    assert (AWAY in texts(at)) == says_so
    postgres_server.accept(postgres_url)
    assert until(app.archiver.run_once)  # the page tells of its last round, too
    at.run()
    assert not at.exception
    assert AWAY not in texts(at)
    assert app.database_problem is None


@pytest.mark.parametrize("page", ["dashboard", "history"])
def test_a_database_of_a_later_version_is_told_with_what_to_do(
    open_app: OpenApp, tmp_path: Path, page: str
) -> None:
    url = f"sqlite:///{tmp_path}/later.db"
    engine = open_database(url)
    scripts = later_scripts(tmp_path, "9001", HEAD, "pass")
    bring_up_to_date(engine, scripts=scripts, head="9001")
    engine.dispose()
    at = open_app(page, DATABASE_URL=url)
    assert not at.exception
    assert "version 9001, later than" in texts(at)
    assert "update this program" in texts(at)
