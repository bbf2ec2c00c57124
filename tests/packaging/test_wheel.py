"""The wheel in a clean environment: it works, it brings little along, and says what is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest

from tests.packaging.conftest import ROOT, Installed
from tests.servers.redis_server import RedisServer

pytestmark = pytest.mark.timeout(240)

_HEAVY = ("streamlit", "pandas", "numpy", "pyarrow", "altair", "sqlalchemy", "redis", "starlette")
_READ_TWICE = """
from cache_core import connect
cache = connect()
@cache.cached("packed.squares", ttl_s=60)
def square(x: int) -> tuple[int, str]:
    return x * x, "é" * 3000
print([square.read(7).outcome, square.read(7).outcome], square(7) == (49, "é" * 3000))
cache.close()
"""


def test_it_holds_the_library_and_nothing_of_the_app(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "cache_core", f"{wheel.name.rpartition('-py3')[0]}.dist-info"
    }  # fmt: skip
    assert "cache_core/py.typed" in names
    modules = {str(path.relative_to(ROOT)) for path in ROOT.glob("cache_core/**/*.py")}
    assert {name for name in names if name.endswith(".py")} == modules


def test_it_works_over_memory_without_what_it_does_not_need(core: Installed) -> None:
    done = core.run(_READ_TWICE)
    assert (done.stdout, done.stderr) == ("['miss', 'hit'] True\n", "")
    found = core.run(
        "import importlib.util as u, cache_core\n"
        f"print([name for name in {_HEAVY} if u.find_spec(name)], cache_core.__file__)"
    )
    assert found.stdout.startswith("[] ")
    assert str(ROOT) not in found.stdout


_OPEN = "from cache_core.stores import open_store; open_store"
_NEED_AN_EXTRA = {
    f"{_OPEN}('redis://host')": "redis",
    f"{_OPEN}('redis+cluster://host:1')": "redis",
    f"{_OPEN}('https://host', token='t')": "upstash",
    "import cache_core.exporters.prometheus": "prometheus",
    "import cache_core.exporters.opentelemetry": "otel",
    "import cache_core.streamlit": "app",
    "import cache_core.operations": "app",
    "import cache_core.database": "app",
}


def test_a_missing_extra_is_explained(core: Installed) -> None:
    lines = [
        f"try:\n    {statement}\nexcept ImportError as exc:\n    print(exc)"
        for statement in _NEED_AN_EXTRA
    ]
    done = core.run("\n".join(lines))
    assert done.stderr == ""
    for said, extra in zip(done.stdout.splitlines(), _NEED_AN_EXTRA.values(), strict=True):
        assert said.endswith(f': pip install "cache-core[{extra}]"')


def test_the_command_says_what_it_needs(core: Installed) -> None:
    done = core.command(str(core.python.with_name("cache-core")), "--help")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.strip().endswith('pip install "cache-core[app]"')


def test_with_the_extra_it_shares_a_real_redis(
    with_redis: Installed, redis_server: RedisServer
) -> None:
    place = {"REDIS_URL": redis_server.url, "CACHE_PREFIX": f"test-{uuid4().hex}"}
    first, second = (with_redis.run(_READ_TWICE, **place) for _ in range(2))
    assert (first.stdout, first.stderr) == ("['miss', 'hit'] True\n", "")
    assert (second.stdout, second.stderr) == ("['hit', 'hit'] True\n", "")


def test_the_example_runs_where_the_wheel_is_installed(
    with_redis: Installed, redis_server: RedisServer
) -> None:
    place = {"REDIS_URL": redis_server.url, "CACHE_PREFIX": f"test-{uuid4().hex}"}
    script = str(ROOT / "examples" / "script.py")
    done = with_redis.command(str(with_redis.python), script, **place)
    assert done.stderr == ""
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["miss", "miss", "hit"]


def test_its_types_reach_the_code_of_users(core: Installed) -> None:
    shutil.copy(Path(__file__).with_name("consumer.py"), core.folder)
    (core.folder / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", core.python, "consumer.py"],
        cwd=core.folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stdout == "Success: no issues found in 1 source file\n"


def requirements_of(project: dict[str, object], extra: str | None) -> set[str]:
    """What is asked for, the extras that an extra names included."""
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    listed = project["dependencies"] if extra is None else extras[extra]
    assert isinstance(listed, list)
    found: set[str] = set()
    for one in listed:
        inner = re.fullmatch(r"cache-core\[(.+)\]", one)
        names = inner[1].split(",") if inner else []
        found |= set().union(*(requirements_of(project, name) for name in names)) or {one}
    return found


def test_hosting_installs_what_the_extra_app_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    hosted = {line for line in lines if line and not line.startswith("#")}
    assert hosted == requirements_of(project, None) | requirements_of(project, "app")
