"""docs/library.md names what users may rely on, and every extra."""

from __future__ import annotations

import importlib
import tomllib

import pytest

from tests.packaging.conftest import ROOT

TEXT = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", ["cache_core", "cache_core.streamlit"])
def test_every_public_name_is_in_the_document_and_has_a_docstring(module: str) -> None:
    found = importlib.import_module(module)
    for name in found.__all__:
        assert f"`{name}`" in TEXT
        assert getattr(found, name).__doc__


def test_every_extra_is_in_the_document() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"]) - {"web"}  # that has a document of its own
    assert {extra for extra in extras if f"cache-core[{extra}]" not in TEXT} == set()
