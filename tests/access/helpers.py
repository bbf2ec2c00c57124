"""Pages as somebody with a changed browser would use them, and all that a page holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

PAGES = sorted(path.stem for path in Path(__file__).parents[2].glob("pages/*.py"))
AUTH = {
    "redirect_uri": "http://localhost:8501/oauth2callback",
    "cookie_secret": "sentinel-cookie-secret",
    "client_id": "sentinel-client-id",
    "client_secret": "sentinel-client-secret",
    "server_metadata_url": "https://provider.test/.well-known/openid-configuration",
}


def enable_all_buttons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw every button as one that can be pressed, so that only what it calls can refuse."""
    for owner in (st, DeltaGenerator):
        for name in ("button", "form_submit_button"):
            monkeypatch.setattr(owner, name, _enabled(getattr(owner, name)))


def _enabled(draw: Callable[..., bool]) -> Callable[..., bool]:
    def button(*args: Any, **options: Any) -> bool:
        return draw(*args, **options | {"disabled": False})

    return button


def nodes(at: AppTest) -> Iterator[Any]:
    """Every element on the page and in the sidebar."""
    waiting: list[Any] = [at._tree]
    while waiting:
        node = waiting.pop()
        children = getattr(node, "children", None)
        if children:
            waiting.extend(children.values())
        yield node


def everything(at: AppTest) -> str:
    """All that was sent to the browser, and what the session holds."""
    parts = []
    for node in nodes(at):
        proto = getattr(node, "proto", None)
        if proto is not None:
            parts.append(str(proto))
        if hasattr(node, "value") and hasattr(node.value, "to_string"):
            parts.append(node.value.to_string())
    parts += [str(error.value) for error in at.exception]
    parts.append(repr(at.session_state))
    return "\n".join(parts)
