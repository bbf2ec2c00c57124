"""What docs/access.md shows is what the app understands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cache_core.operations import sign_in
from cache_core.settings import Settings, settings_with
from tests.access.helpers import AUTH
from tests.pages.conftest import OpenApp

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", TEXT, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


SECRETS: list[dict[str, Any]] = [tomllib.loads(block) for block in blocks("toml")]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_each_block_of_secrets_is_understood() -> None:
    one, several, password = (settings_with(secrets) for secrets in SECRETS)
    assert one.operators == several.operators == {"ada@example.org", "bob@example.org"}
    assert password.operator_password is not None


@pytest.mark.parametrize("secrets", SECRETS[:2], ids=["one provider", "several"])
def test_each_provider_of_a_block_has_its_button(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, Any]
) -> None:
    monkeypatch.setattr("ui.access.has_authlib", lambda: True)
    at = open_app("operations", operator=False)
    at.secrets["auth"] = secrets["auth"]
    at.run()
    keys = [button.key for button in at.button if (button.key or "").startswith("login_")]
    named = [f"login_{name}" for name, part in secrets["auth"].items() if isinstance(part, dict)]
    assert keys == (named or ["login_default"])
    for part in [secrets["auth"], *(secrets["auth"][key.removeprefix("login_")]
                                    for key in named)]:  # fmt: skip
        assert set(part) <= set(AUTH) | {"google", "okta"}


def test_the_command_for_a_cookie_secret_prints_a_long_one() -> None:
    (command,) = [block for block in blocks("bash") if "secrets.token_urlsafe" in block]
    program, *arguments = shlex.split(command)
    assert program == "python"
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=30, check=True
    )
    assert len(done.stdout.strip()) == 64


def test_what_is_to_be_installed_is_in_the_requirements() -> None:
    (command,) = [block for block in blocks("bash") if "pip install" in block]
    (package,) = shlex.split(command)[2:]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(package) for line in lines)


def test_the_command_for_this_machine_names_settings_there_are() -> None:
    (command,) = [block for block in blocks("bash") if "streamlit run" in block]
    words = shlex.split(command)
    assert words[0].partition("=")[0].lower() in Settings.model_fields
    assert words[1] == "STREAMLIT_SERVER_ADDRESS=127.0.0.1"
    assert (ROOT / words[-1]).is_file()


def test_the_numbers_are_those_of_the_code() -> None:
    text = " ".join(TEXT.split())
    assert sign_in.TRIES == 5
    assert f"Five tries from one place, then one every {sign_in.TRY_EVERY_S:g} s" in text
    strangers = f"{sign_in._STRANGERS_TRIES}, then one every {sign_in._STRANGERS_EVERY_S:g} s"
    assert f"share {strangers}" in text
    assert f"stays so for {sign_in.COUNTS_FOR_S / 3600:g} h" in text
    assert sign_in.NAME in text
