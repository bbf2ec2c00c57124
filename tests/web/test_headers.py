"""What HTTP says about a read; the fields are read by a parser that is not ours."""

from __future__ import annotations

from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core import Cache, Read
from cache_core.events import Cause, Outcome
from cache_core.stores import open_store
from cache_core.web import headers

KEY = "shop:e:shop.product:1:{0123456789abcdef0123456789abcdef}"


def read_of(
    outcome: Outcome,
    *,
    age_s: float = 0.0,
    left_s: float = 0.0,
    key: str = KEY,
    cause: Cause | None = None,
) -> Read[str]:
    return Read("value", outcome, age_s, left_s, 0.1, key, cause)


def parsed(field: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters of the one member of a list."""
    members: Any = http_sf.parse(field.encode(), tltype="list")
    ((name, parameters),) = members
    return str(name), {
        key: str(value) if isinstance(value, http_sf.Token) else value
        for key, value in parameters.items()
    }


# Cache-Status


def test_a_hit_says_how_long_it_stays_fresh() -> None:
    status = headers.cache_status(read_of("hit", age_s=29.0, left_s=271.9))
    assert status == "cache_core; hit; ttl=271"
    assert parsed(status) == ("cache_core", {"hit": True, "ttl": 271})


def test_a_miss_that_was_kept_says_stored() -> None:
    status = headers.cache_status(read_of("miss", left_s=60.0))
    assert status == "cache_core; fwd=uri-miss; stored"
    assert parsed(status) == ("cache_core", {"fwd": "uri-miss", "stored": True})


def test_a_miss_that_was_not_kept_does_not() -> None:
    assert headers.cache_status(read_of("miss")) == "cache_core; fwd=uri-miss"


@pytest.mark.parametrize(
    ("cause", "forwarded"),
    [("cold", "uri-miss"), ("expired", "stale"), ("invalidated", "uri-miss")],
)
def test_a_miss_says_whether_there_was_something_that_had_expired(
    cause: Cause, forwarded: str
) -> None:
    status = headers.cache_status(read_of("miss", left_s=60.0, cause=cause))
    assert parsed(status)[1] == {"fwd": forwarded, "stored": True}


def test_a_stale_value_is_a_hit_with_a_negative_ttl() -> None:
    status = headers.cache_status(read_of("stale", age_s=65.5, left_s=-5.5))
    assert status == "cache_core; hit; ttl=-5; detail=stale"
    assert parsed(status) == ("cache_core", {"hit": True, "ttl": -5, "detail": "stale"})


@pytest.mark.parametrize("left_s", [-0.2, 0.0])
def test_what_is_stale_for_less_than_a_second_is_not_called_fresh(left_s: float) -> None:
    status = headers.cache_status(read_of("stale", age_s=60.0, left_s=left_s))
    assert parsed(status)[1]["ttl"] == -1


def test_what_stands_in_for_a_refresh_that_failed_may_be_fresh_still() -> None:
    status = headers.cache_status(read_of("stale", age_s=10.0, left_s=50.0))
    assert parsed(status)[1] == {"hit": True, "ttl": 50, "detail": "stale"}


@pytest.mark.parametrize("outcome", ["bypass", "error"])
def test_what_passed_the_cache_by_says_so(outcome: Outcome) -> None:
    assert headers.cache_status(read_of(outcome)) == "cache_core; fwd=bypass"
    assert headers.bypass_status() == "cache_core; fwd=bypass"


def test_a_detail_is_a_token_or_a_text() -> None:
    assert headers.bypass_status("method") == "cache_core; fwd=bypass; detail=method"
    status = headers.bypass_status('of a "cookie"', name="the shop")
    assert status == '"the shop"; fwd=bypass; detail="of a \\"cookie\\""'
    assert parsed(status) == ("the shop", {"fwd": "bypass", "detail": 'of a "cookie"'})


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: b", "größer", "\x00"])
def test_what_no_header_may_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        headers.bypass_status(text)
    with pytest.raises(ValueError, match="printable ASCII"):
        headers.cache_status(read_of("hit"), name=text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_every_printable_detail_comes_back(text: str) -> None:
    assert parsed(headers.bypass_status(text))[1]["detail"] == text


def test_the_key_is_shown_when_asked_for_and_as_its_digest_alone() -> None:
    assert "key" not in headers.cache_status(read_of("hit"))
    status = headers.cache_status(read_of("hit", left_s=1.0), with_key=True)
    assert parsed(status)[1]["key"] == "0123456789abcdef0123456789abcdef"
    assert "shop" not in status


@pytest.mark.parametrize("key", ["", "user:ada", "e:ns:1:{ada}", "{00}:ada"])
def test_a_key_that_is_no_digest_is_not_shown(key: str) -> None:
    status = headers.cache_status(read_of("hit", key=key), with_key=True)
    assert "key" not in parsed(status)[1]


def test_the_reads_of_a_cache_say_what_happened() -> None:
    with Cache(open_store("memory://", prefix="headers")) as cache:

        @cache.cached("ns", ttl_s=60, jitter=0.0)
        def double(number: int) -> int:
            return number * 2

        first, second = double.read(2), double.read(2)
        with cache.disabled():
            off = double.read(2)
    assert headers.cache_status(first) == "cache_core; fwd=uri-miss; stored"
    name, parameters = parsed(headers.cache_status(second, with_key=True))
    assert name == "cache_core"
    assert parameters["hit"] is True
    assert 0 < parameters["ttl"] <= 60
    assert parameters["key"] in second.key
    assert headers.cache_status(off) == "cache_core; fwd=bypass"
    assert (headers.age(first), headers.age(second)) == (None, "0")


# Age and Cache-Control


@pytest.mark.parametrize("outcome", ["hit", "stale"])
def test_age_is_whole_seconds(outcome: Outcome) -> None:
    assert headers.age(read_of(outcome, age_s=9.99)) == "9"


@pytest.mark.parametrize("outcome", ["miss", "bypass"])
def test_what_was_computed_for_this_request_has_no_age(outcome: Outcome) -> None:
    assert headers.age(read_of(outcome, age_s=9.99)) is None


def test_an_age_beyond_what_clients_can_count_is_cut() -> None:
    assert headers.age(read_of("hit", age_s=1e12)) == str(2**31 - 1)


def test_clients_ask_each_time_unless_told_otherwise() -> None:
    assert headers.cache_control(read_of("hit", left_s=60.0)) == "private, no-cache"


def test_max_age_less_age_is_what_is_left() -> None:
    read = read_of("hit", age_s=100.5, left_s=200.5)
    control = headers.cache_control(read, has_max_age=True)
    assert control == "private, max-age=300"
    assert int(control.rpartition("=")[2]) - int(headers.age(read) or 0) == 200


def test_max_age_of_a_miss_is_its_ttl() -> None:
    assert headers.cache_control(read_of("miss", left_s=60.0), has_max_age=True) == (
        "private, max-age=60"
    )


@pytest.mark.parametrize("read", [read_of("stale", age_s=90.0), read_of("miss"), read_of("bypass")])
def test_what_is_stale_or_not_kept_has_no_max_age(read: Read[str]) -> None:
    assert headers.cache_control(read, has_max_age=True) == "private, no-cache"


def test_what_is_the_same_for_everybody_may_be_kept_by_proxies() -> None:
    read = read_of("miss", left_s=60.0)
    assert headers.cache_control(read, has_max_age=True, is_shared=True) == "max-age=60"
    assert headers.cache_control(read, is_shared=True) == "no-cache"


# ETag and If-None-Match


def test_an_etag_goes_by_the_bytes() -> None:
    strong = headers.etag(b"body")
    assert strong == headers.etag(b"body") != headers.etag(b"Body")
    assert strong[0] == strong[-1] == '"'
    assert headers.etag(b"body", is_weak=True) == f"W/{strong}"
    assert headers.etag(b"") != strong


@pytest.mark.parametrize(
    "field",
    [
        '"a"',
        'W/"a"',
        '"b", "a"',
        '"b","a"',
        ' "b" ,\tW/"a" ',
        ', "b",, "a",',
        '"b,c", "a"',
        "*",
        " * ",
    ],
)
@pytest.mark.parametrize("current", ['"a"', 'W/"a"'])
def test_who_has_the_current_tag_is_told_so(field: str, current: str) -> None:
    assert headers.is_not_modified(field, current)


@pytest.mark.parametrize(
    "field",
    [
        None,
        "",
        '"b"',
        '"A"',
        "a",  # no quotes, no tag
        '"*"',  # a tag like any other
        '*, "b"',
        '"b, "a""',
        '"b" "a"',  # no comma, no list
        'w/"a"',  # W is a capital letter
        'W/ "a"',
        '"a',
        '"a", b',
        '"b\\"a"',
    ],
)
def test_everyone_else_gets_the_answer(field: str | None) -> None:
    assert not headers.is_not_modified(field, '"a"')


@given(st.text(st.characters(max_codepoint=255)))
def test_whatever_a_client_sends_is_answered(field: str) -> None:
    assert headers.is_not_modified(field, '"a"') in (True, False)


def test_a_long_field_is_read_quickly() -> None:
    # Each of these made a naive expression go back and forth.
    for field in ('"' * 60_000, 'W/"' * 20_000, ", " * 30_000, '"a' * 30_000, '"x" ' * 15_000):
        assert not headers.is_not_modified(field, '"a"')


def test_all_headers_of_one_answer() -> None:
    assert headers.read_headers(read_of("hit", age_s=29.0, left_s=31.0), b"body") == {
        "Cache-Status": "cache_core; hit; ttl=31",
        "Age": "29",
        "ETag": headers.etag(b"body", is_weak=True),
        "Cache-Control": "private, no-cache",
    }
    assert "Age" not in headers.read_headers(read_of("miss"), b"body")


@pytest.mark.parametrize(
    ("said", "names", "field"),
    [
        ([], [], None),
        ([""], [], None),
        ([], ["b", "a"], "a, b"),
        (["Accept, b", "C"], ["accept", "a"], "Accept, b, C, a"),
        (["Accept", "*"], ["a"], "*"),
    ],
)
def test_vary_names_what_was_said_and_what_is_to_be(
    said: list[str], names: list[str], field: str | None
) -> None:
    assert headers.vary(said, names) == field
