"""The doctor on all else: Python and its packages, the database, and who may see and act."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from sqlalchemy import make_url

from cache_core.cli.findings import Finding, ok, problem, warning
from cache_core.database.checking import check_database
from cache_core.insight.wording import plural
from cache_core.settings import Settings

_ROOT = Path(__file__).parents[2]
_OLDEST = (3, 11)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CONFIG_FILES = (Path("~/.streamlit/config.toml"), Path(".streamlit/config.toml"))
_SHORT = 12


def look_at_python() -> Iterator[Finding]:
    """The interpreter and the packages, as far as `requirements.txt` asks for them."""
    running = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < _OLDEST:
        yield problem("Python", running, "use Python 3.11 or later")
    else:
        yield ok("Python", running)
    wanted = _requirements()
    if not wanted:
        yield warning("packages", "it is not known which are needed", "reinstall cache-core")
        return
    wrong = [said for one in wanted if (said := _not_met(one))]
    mend = "install what requirements.txt asks for: pip install -r requirements.txt"
    for said in wrong:
        yield problem("packages", said, mend)
    if not wrong:
        yield ok("packages", f"all {len(wanted)} that are needed are there, in versions that do")


def _requirements() -> list[Requirement]:
    """Those of the source that runs; of the installed package where there is no source."""
    file = _ROOT / "requirements.txt"
    if file.exists():
        lines = file.read_text(encoding="utf-8").splitlines()
    else:
        try:
            lines = [one for one in metadata.requires("cache-core") or [] if "extra ==" not in one]
        except metadata.PackageNotFoundError:
            return []
    found = []
    for line in lines:
        text = line.partition("#")[0].strip()
        if text:
            try:
                found.append(Requirement(text))
            except InvalidRequirement:
                continue
    return found


def _not_met(wanted: Requirement) -> str | None:
    if wanted.marker is not None and not wanted.marker.evaluate():
        return None
    try:
        there = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return f"{wanted.name} is not installed"
    if wanted.specifier.contains(there, prereleases=True):
        return None
    return f"{wanted.name} is {there}, needed is {wanted.specifier}"


def look_at_database(settings: Settings) -> Iterator[Finding]:
    """Whether it is there, can be written and has its tables; nothing is changed."""
    url = settings.database_url.get_secret_value()
    try:
        state = check_database(url)
    except ValueError as exc:
        yield problem("database", str(exc), "correct DATABASE_URL")
        return
    if state.problem is not None:
        mend = "see that it runs, that DATABASE_URL is right, and that this account may write there"
        yield problem("database", f"{state.address}: {state.problem}", mend)
        return
    if not state.is_made:
        yield ok("database", f"{state.address} is not there yet; it is made at the first start")
    elif state.missing:
        yield ok(
            "database",
            f"{state.address} can be written; {plural(len(state.missing), 'table')} not there yet "
            "are made when it is opened",
        )
    else:
        version = f", of version {state.version}" if state.version else ""
        yield ok("database", f"{state.address} can be written and has its tables{version}")
    parsed = make_url(url)
    path = parsed.database
    if parsed.get_backend_name() == "sqlite" and path and not Path(path).is_absolute():
        yield ok(
            "database",
            f"the path counts from the working directory: {Path(path).absolute()}; give cron a "
            "`cd`, or DATABASE_URL a path from the root (sqlite:////...)",
        )


def look_at_access(settings: Settings, secrets: Mapping[str, Any]) -> Iterator[Finding]:
    """Who could see the app's pages, and who may act there."""
    address, place = _address()
    is_local = address in _LOOPBACK
    if is_local:
        yield ok("reach", f"only this machine reaches the app ({address}, {place})")
    elif address is None:
        yield warning(
            "reach",
            "`streamlit run` listens on every address of this machine: whoever reaches it sees all "
            "pages (scripts/serve listens on this machine alone)",
            "set STREAMLIT_SERVER_ADDRESS to 127.0.0.1, or to 0.0.0.0 if that is meant",
        )
    else:
        yield ok("reach", f"whoever reaches {address} ({place}) sees all pages")
    yield from _sign_in(settings, secrets)
    password = settings.operator_password
    if password is not None and len(password.get_secret_value()) < _SHORT:
        yield warning(
            "access", "OPERATOR_PASSWORD is short", f"choose one of {_SHORT} characters or more"
        )
    if settings.operate_on_loopback and not is_local:
        yield warning(
            "access",
            "OPERATE_ON_LOOPBACK is on and has no effect, as others reach the app",
            "set it to 0, or STREAMLIT_SERVER_ADDRESS to 127.0.0.1",
        )
    ways = [
        *(["operators by e-mail"] if settings.operators and "auth" in secrets else []),
        *(["whoever has the operator password"] if password is not None else []),
        *(["visitors from this machine"] if settings.operate_on_loopback and is_local else []),
    ]
    who = ", ".join(ways) or "nobody; visitors look"
    yield ok("access", f"who may clear, warm and import in the app: {who}")


def _sign_in(settings: Settings, secrets: Mapping[str, Any]) -> Iterator[Finding]:
    has_auth = isinstance(secrets.get("auth"), Mapping)
    if has_auth and importlib.util.find_spec("authlib") is None:
        yield problem(
            "access",
            "[auth] is in the secrets, but Authlib is not installed, so nobody can sign in",
            "pip install 'streamlit[auth]'",
        )
    if has_auth and not settings.operators:
        yield warning(
            "access",
            "[auth] is in the secrets, but OPERATORS is empty: who signs in may only look",
            "name the operators' e-mail addresses in OPERATORS",
        )
    if settings.operators and not has_auth:
        yield warning(
            "access",
            "OPERATORS names addresses, but without [auth] in the secrets nobody can sign in",
            "add a provider, see docs/access.md",
        )


def _address() -> tuple[str | None, str]:
    """Where the app would listen, and what says so; None where nothing does."""
    if address := os.environ.get("STREAMLIT_SERVER_ADDRESS"):
        return address, "STREAMLIT_SERVER_ADDRESS"
    for file in reversed(_CONFIG_FILES):
        try:
            server = tomllib.loads(file.expanduser().read_text(encoding="utf-8")).get("server", {})
        except (OSError, ValueError):
            continue
        if isinstance(server, Mapping) and server.get("address"):
            return str(server["address"]), str(file)
    return None, ""
