"""The doctor on settings: which there are, where each comes from, and what is wrong with them."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from cache_core.cli.findings import Finding, ok, problem, warning
from cache_core.settings import SECRETS_FILES, Settings, read_secrets, settings_with

_SET, _NOT_SET = "set", "not set"
# Not secret by their type, and yet addresses that may hold a password, or name people.
_ONLY_WHETHER = ("upstash_redis_rest_url", "streamlit_apps", "operators")
_LIKE = 0.85  # how much a name looks like a setting's, 0 to 1, to be taken for a slip
_ENVIRONMENT, _DEFAULT = "environment", "default"


@dataclass(frozen=True, slots=True)
class Told:
    """A setting as it may be shown. `source`: the environment, a file, or the default."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Read:
    """What was read. `settings`: None where it will not do, `findings` say why.

    `files`: what each secrets file that is there holds.
    """

    settings: Settings | None
    files: Mapping[Path, Mapping[str, Any]]
    told: list[Told]
    findings: list[Finding]


def read_all() -> Read:
    """Settings as the app would read them. Never raises because of them."""
    files: dict[Path, Mapping[str, Any]] = {}
    findings: list[Finding] = []
    for path in SECRETS_FILES:
        try:
            if path.expanduser().exists():
                files[path] = read_secrets([path])
        except ValueError as exc:
            findings.append(problem("settings", str(exc), "correct the file, or take it away"))
    secrets: dict[str, Any] = {}
    for held in files.values():
        secrets |= held
    settings: Settings | None = None
    try:
        # With a file that cannot be read the app does not start, whatever the others say.
        settings = None if findings else settings_with(secrets)
    except ValueError as exc:
        mend = "correct it where it is set; the list of settings says where"
        findings += [problem("settings", one, mend) for one in str(exc).split("; ")]
    findings += _slips(files)
    findings += [finding for path in files if (finding := _readable_by_others(path))]
    if not findings:
        named = ", ".join(map(str, files)) or "no secrets file is there"
        findings.append(ok("settings", f"all of them will do; {named}"))
    return Read(settings, files, list(_told(settings, files)), findings)


def _told(settings: Settings | None, files: Mapping[Path, Mapping[str, Any]]) -> Iterator[Told]:
    for field in Settings.model_fields:
        source = _source(field, files)
        if settings is None:
            value = _NOT_SET if source == _DEFAULT else _SET
        else:
            value = _shown(field, getattr(settings, field), source)
        yield Told(field.upper(), value, source)


def _source(field: str, files: Mapping[Path, Mapping[str, Any]]) -> str:
    """Where the value comes from that counts: the environment, else the last file that has it."""
    name = field.upper()
    if any(key.upper() == name and value for key, value in os.environ.items()):
        return _ENVIRONMENT
    if name in os.environ:  # empty, which hides what files say
        return _DEFAULT
    held = [path for path, secrets in files.items() if name in secrets or field in secrets]
    return str(held[-1]) if held else _DEFAULT


def _shown(field: str, value: object, source: str) -> str:
    if value is None or value == "":
        return _NOT_SET
    if field == "database_url" and source == _DEFAULT and isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, SecretStr) or field in _ONLY_WHETHER:
        return _SET if value else _NOT_SET
    if isinstance(value, tuple):
        return ", ".join(f"{one:g}" for one in value)
    return str(value)


def _slips(files: Mapping[Path, Mapping[str, Any]]) -> Iterator[Finding]:
    """Names that are no setting's and look like one, and what an empty variable hides."""
    fields = {field.upper() for field in Settings.model_fields}
    for name in sorted(set(os.environ) - fields):
        if (meant := _meant(name, fields)) and name.upper() not in fields:
            yield _slip(name, _ENVIRONMENT, meant)
    for path, secrets in files.items():
        for name, value in secrets.items():
            if isinstance(value, Mapping):
                yield from _in_section(path, name, value, fields)
            elif name.upper() not in fields and (meant := _meant(name, fields)):
                yield _slip(name, str(path), meant)
    for name in sorted(fields & set(os.environ)):
        hidden = [path for path, held in files.items() if {name, name.lower()} & set(held)]
        if not os.environ[name] and hidden:
            yield warning(
                "settings",
                f"{name} is empty in the environment, which hides the one in {hidden[-1]}",
                f"take it out of the environment: unset {name}",
            )


def _in_section(
    path: Path, section: str, held: Mapping[str, Any], fields: set[str]
) -> Iterator[Finding]:
    for name in held:
        if section != "auth" and name.upper() in fields:
            yield warning(
                "settings",
                f"{name} stands in the section [{section}] of {path}, where it is not read",
                "move the line above the first section",
            )


def _meant(name: str, fields: set[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.upper(), fields, 1, _LIKE)), None)


def _slip(name: str, place: str, meant: str) -> Finding:
    return warning(
        "settings", f"{name} ({place}) is no setting", f"if {meant} is meant, call it so"
    )


def _readable_by_others(path: Path) -> Finding | None:
    mode = path.expanduser().stat().st_mode
    if os.name == "nt" or not mode & stat.S_IROTH:
        return None
    return warning(
        "settings", f"{path} can be read by every account of this machine", f"chmod o= {path}"
    )
