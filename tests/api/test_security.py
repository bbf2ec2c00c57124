"""Who is answered: tokens, this machine without them, nobody else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from cache_core.api.problems import Problem
from cache_core.api.security import Doorman
from cache_core.operations.sign_in import TRIES, TRY_EVERY_S, Throttle
from cache_core.settings import Settings, load_settings
from tests.api.asking import AFAR, OPERATE, READ, World, is_problem, with_tokens
from tests.api.conftest import MakeWorld
from tests.cache.helpers import Clock

STATS, CLEAR = "/api/dashboard/stats", "/api/cache/clear"
TAG = {"tag": "user:ada"}

DEMO = Settings(operate_on_loopback=True)
READ_ONLY = Settings(api_read_token=SecretStr(READ))
OPERATE_ONLY = Settings(api_operate_token=SecretStr(OPERATE))

HERE: dict[str, Any] = {}
FAR = {"place": AFAR, "host": "monitor.example"}
PROXIED = {"headers": {"X-Forwarded-For": AFAR}}
REBOUND = {"host": "rebound.example:8501"}
FOREIGN_PAGE = {"headers": {"Origin": "http://evil.example"}}
FOREIGN_LOCAL_PAGE = {"headers": {"Origin": "http://localhost:9999"}}
CROSS_SITE = {"headers": {"Sec-Fetch-Site": "cross-site"}}
OWN_PAGE = {"headers": {"Origin": "http://localhost:8501", "Sec-Fetch-Site": "same-origin"}}


@pytest.mark.parametrize(
    ("settings", "asker", "reading", "acting"),
    [
        # Without tokens: this machine reads, and acts where the embedded demo would.
        (Settings(), HERE, 200, 403),
        (DEMO, HERE, 200, 200),
        (DEMO, {"place": "::1", "host": "[::1]:8501"}, 200, 200),
        (DEMO, {"place": "::ffff:127.0.0.1"}, 200, 200),
        (DEMO, OWN_PAGE, 200, 200),
        (DEMO, FAR, 403, 403),
        (DEMO, FAR | {"token": OPERATE}, 403, 403),
        (DEMO, FAR | {"host": "localhost"}, 403, 403),
        (DEMO, {"place": ""}, 403, 403),
        (DEMO, PROXIED, 403, 403),
        (DEMO, {"headers": {"Forwarded": "for=10.0.0.1"}}, 403, 403),
        (DEMO, {"headers": {"X-Forwarded-For": ""}}, 403, 403),  # the proxy's own may come second
        (DEMO, {"headers": {"X-Forwarded-Proto": "https"}}, 403, 403),
        (DEMO, {"headers": {"Origin": "http://["}}, 403, 403),
        (DEMO, REBOUND, 403, 403),
        (DEMO, {"host": "localhost.rebound.example"}, 403, 403),
        (DEMO, {"host": "[::1"}, 403, 403),
        (DEMO, FOREIGN_PAGE, 403, 403),
        (DEMO, FOREIGN_LOCAL_PAGE, 403, 403),
        (DEMO, {"headers": {"Origin": "null"}}, 403, 403),
        (DEMO, CROSS_SITE, 403, 403),
        # With tokens: whoever shows one, from anywhere; nobody else, not even from here.
        (with_tokens(), HERE, 401, 401),
        (with_tokens(operate_on_loopback=True), HERE, 401, 401),
        (with_tokens(), FAR, 401, 401),
        (with_tokens(), FAR | {"token": "wrong"}, 401, 401),
        (with_tokens(), FAR | {"token": ""}, 401, 401),
        (with_tokens(), FAR | {"token": f"{READ}x"}, 401, 401),
        (with_tokens(), FAR | {"token": READ}, 200, 403),
        (with_tokens(), FAR | {"token": OPERATE}, 200, 200),
        (with_tokens(), FAR | PROXIED | {"token": OPERATE}, 200, 200),
        (with_tokens(), FAR | {"headers": {"Authorization": f"Basic {OPERATE}"}}, 401, 401),
        (with_tokens(), FAR | {"headers": {"Authorization": f"bearer {OPERATE}"}}, 200, 200),
        (READ_ONLY, HERE, 401, 401),
        (READ_ONLY, FAR | {"token": READ}, 200, 403),
        (READ_ONLY, FAR | {"token": ""}, 401, 401),
        (OPERATE_ONLY, FAR | {"token": OPERATE}, 200, 200),
        (OPERATE_ONLY, FAR | {"token": READ}, 401, 401),
    ],
)
def test_who_reads_and_who_acts(
    make_world: MakeWorld, settings: Settings, asker: dict[str, Any], reading: int, acting: int
) -> None:
    world = make_world(settings)
    assert told(world.ask(STATS, **asker)) == reading
    assert told(world.ask(CLEAR, TAG, **asker)) == acting
    done = [result for _, deed, result in world.deeds() if deed == "clear tag"]
    assert done.count("done") == (acting == 200)


def told(answer: httpx.Response) -> int:
    """The status; what is refused is problem details with a challenge where that helps."""
    if answer.status_code >= 400:
        problem = is_problem(answer, answer.status_code)
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith('Bearer realm="cache_core"')
        assert READ not in str(problem)
        assert OPERATE not in str(problem)
    return answer.status_code


def test_a_server_that_others_reach_is_not_operated_without_a_token(make_world: MakeWorld) -> None:
    world = make_world(DEMO, is_bound_to_loopback=False)
    assert told(world.ask(STATS)) == 200
    assert told(world.ask(CLEAR, TAG)) == 403


def test_the_audit_says_who_acted_and_who_was_refused(world: World) -> None:
    world.ask(CLEAR, TAG, token=OPERATE)
    answer = world.ask(CLEAR, TAG, token=READ)
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert world.deeds() == [
        ("api token: operate", "clear tag", "done"),
        ("api token: read", "clear tag", "refused"),
    ]


@pytest.mark.parametrize(
    "path",
    [STATS, CLEAR, "/api/cache/metrics", "/api/nothing", "/api", "/metrics", "/api/cache/jobs"],
)
def test_strangers_learn_of_no_route(world: World, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        is_problem(world.ask(path, method=method), 401)


def test_the_schema_is_open(world: World) -> None:
    assert world.ask("/api/openapi.json", place=AFAR).json()["openapi"] == "3.1.0"


def test_wrong_tokens_are_throttled_and_right_ones_with_them_until_tries_come_back(
    make_world: MakeWorld,
) -> None:
    clock = Clock()
    doorman = Doorman(lambda: False, Throttle(clock))
    world = make_world(with_tokens(), doorman=doorman)
    for _ in range(TRIES):
        assert told(world.ask(STATS, token="wrong", place=AFAR)) == 401
    answer = world.ask(STATS, token=READ, place=AFAR)
    is_problem(answer, 429)
    assert answer.headers["retry-after"] == "12"
    assert told(world.ask(STATS, token=READ, place="198.51.100.1")) == 200
    clock.advance(TRY_EVERY_S)
    assert told(world.ask(STATS, token=READ, place=AFAR)) == 200


def test_right_tokens_are_never_throttled(world: World) -> None:
    for _ in range(4 * TRIES):
        assert told(world.ask(STATS, token=READ, place=AFAR)) == 200


@pytest.mark.parametrize("token", ["short", "x" * 19, "with a space in between", "ümlaut" * 5])
@pytest.mark.parametrize("name", ["api_read_token", "api_operate_token"])
def test_a_token_that_will_not_do_is_refused_without_being_shown(name: str, token: str) -> None:
    with pytest.raises(ValueError, match=name.upper()) as raised:
        load_settings(**{name: token})
    assert token not in str(raised.value)


def test_one_token_for_both_would_let_readers_act() -> None:
    with pytest.raises(ValueError, match="API_OPERATE_TOKEN: must differ from API_READ_TOKEN"):
        load_settings(api_read_token=READ, api_operate_token=READ)


def test_tokens_are_not_in_the_repr_of_settings() -> None:
    assert READ not in repr(with_tokens())
    assert OPERATE not in repr(with_tokens())


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "",
    ],
)
def test_a_body_that_a_foreign_page_could_post_is_refused(
    make_world: MakeWorld, content_type: str
) -> None:
    """Browsers send these without asking first, and older ones without saying where from."""
    world = make_world(DEMO)
    headers = {"Content-Type": content_type} if content_type else {}
    answer = world.ask(CLEAR, content=b'{"tag": "user:ada"}', headers=headers)
    is_problem(answer, 415)
    assert world.deeds() == []


def test_no_other_site_is_let_in_by_cors(make_world: MakeWorld) -> None:
    world = make_world(DEMO)
    asking = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = world.ask(CLEAR, method="OPTIONS", headers=asking)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_who_knows_one_token_does_not_guess_the_other_without_end() -> None:
    doorman = Doorman(lambda: False, Throttle(Clock()))
    settings = with_tokens()

    def status(token: str) -> int:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        try:
            doorman.admit({"type": "http", "headers": headers, "client": (AFAR, 1)}, settings)
        except Problem as exc:
            return exc.status_code
        return 200

    seen = [status(token) for number in range(50) for token in (READ, f"guess {number}")]
    assert seen.count(401) == TRIES
    assert seen.count(429) > 50
