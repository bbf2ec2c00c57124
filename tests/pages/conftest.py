"""The app under Streamlit's own test harness, with a database and a store of each test's own."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui import drawing
from ui.app import App, get_app

ROOT = Path(__file__).parents[2]

OpenApp = Callable[..., AppTest]


@pytest.fixture
def open_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenApp]:
    """Starts the app with these environment variables and shows one page.

    The database is a new file, filled with sample data on the first start; the store is memory
    unless the variables say otherwise.
    """
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(drawing, "VALIDATES", True)
    monkeypatch.setenv("CACHE_ENABLED", "on")
    monkeypatch.setenv("PREFETCH", "off")  # it would change what tests count by hand
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/learning.db")
    for name in ("REDIS_URL", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def start(page: str = "", operator: bool = True, **variables: str) -> AppTest:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OPERATE_ON_LOOPBACK", "1" if operator else "0")
        st.config.set_option("server.address", "127.0.0.1" if operator else None)
        at = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
        return at.switch_page(f"pages/{page}.py").run() if page else at

    st.cache_resource.clear()
    yield start
    with contextlib.suppress(ValueError):  # a test of a wrong setting has nothing to close
        get_app().close()
    st.cache_resource.clear()
    st.config.set_option("server.address", None)


@pytest.fixture
def running() -> Callable[[], App]:
    """The parts of the app that a test started."""
    return get_app


@dataclass
class Files:
    """The files that the page offered last, made as its buttons make them."""

    made_by: dict[str, tuple[str, Callable[[], str]]] = field(default_factory=dict)
    made_by_page: dict[tuple[str, str], tuple[str, Callable[[], str]]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """As the browser would save them."""
        return [name for name, _ in self.made_by.values()]

    def csv(self) -> list[dict[str, str]]:
        """The rows of the CSV."""
        return list(csv.DictReader(io.StringIO(self._made("csv"))))

    def json(self) -> dict[str, Any]:
        """The content of the JSON."""
        found: dict[str, Any] = json.loads(self._made("json"))
        return found

    def html(self) -> str:
        """The report."""
        return self._made("html")

    def all(self) -> str:
        """Everything in all three, names of files too, for looking a text up."""
        return "\n".join([*self.names, *map(self._made, self.made_by)])

    def of(self, page: str) -> Files:
        """Those of one of several blocks that offer files, by the first piece of their names."""
        return Files(
            {ending: found for (first, ending), found in self.made_by_page.items() if first == page}
        )

    def _made(self, ending: str) -> str:
        return self.made_by[ending][1]()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    """What pages offer to take along: AppTest has no way to press these buttons."""
    offered = Files()
    original = st.download_button

    def note(label: str, data: Callable[[], str], file_name: str, **more: Any) -> bool:
        ending = file_name.rpartition(".")[2]
        offered.made_by[ending] = (file_name, data)
        offered.made_by_page[file_name.split("-")[1], ending] = (file_name, data)
        return original(label, data=data, file_name=file_name, **more)

    monkeypatch.setattr(st, "download_button", note)
    return offered


def texts(at: AppTest) -> str:
    """All that the page says, for looking a sentence up."""
    kinds = (at.title, at.caption, at.markdown, at.info, at.warning, at.error, at.success)
    return "\n".join(str(element.value) for kind in kinds for element in kind)
