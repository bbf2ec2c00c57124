"""docs/settings.md has every setting with its default, docs/library.md every rule of a policy."""

from __future__ import annotations

import re
from dataclasses import fields

from pydantic import SecretStr

from cache_core import Policy
from cache_core.settings import Settings
from tests.docs.shown import ROOT

_ROW = re.compile(r"^\| `([A-Z_0-9]+)` \| ([^|]*?) ?\|", re.MULTILINE)


def told(default: object) -> str:
    """A default as the table has it."""
    if default is None or default in ("", frozenset()):
        return ""
    if isinstance(default, SecretStr):
        return f"`{default.get_secret_value()}`"
    if isinstance(default, str):
        return f"`{default}`"
    if isinstance(default, tuple):
        return ", ".join(map(str, default))
    return str(default).lower()


def test_each_setting_is_there_with_its_default() -> None:
    shown = dict(_ROW.findall((ROOT / "docs" / "settings.md").read_text()))
    settings = Settings.model_fields
    assert shown == {name.upper(): told(field.default) for name, field in settings.items()}


def test_each_rule_of_a_policy_is_there() -> None:
    text = (ROOT / "docs" / "library.md").read_text().partition("### Policies")[2]
    table = text.partition("\n## ")[0]
    shown = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| ([^|]+)\|", table, re.MULTILINE)))
    assert sorted(shown) == sorted(field.name for field in fields(Policy))
