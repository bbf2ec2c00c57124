"""Who may act by an id token's claims: a verified address on the list, while the token counts."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core.emails import checked_emails, same_email
from cache_core.operations import Actor, NotAllowedError, admit
from cache_core.operations.access import require_operator
from cache_core.settings import load_settings

NOW_S = 1_700_000_000.0
OPERATORS = checked_emails("ada@example.org, bob@example.org")


def claims(**changed: Any) -> dict[str, Any]:
    """Those of an operator, but for what is changed; None leaves a claim out."""
    found: dict[str, Any] = {
        "is_logged_in": True,
        "email": "ada@example.org",
        "email_verified": True,
        "exp": NOW_S + 3600,
    } | changed
    return {name: value for name, value in found.items() if value is not None}


def test_an_address_on_the_list_acts_until_the_token_ends() -> None:
    admission = admit(claims(), OPERATORS, now_s=NOW_S)
    assert admission.actor == Actor("ada@example.org", "operator", NOW_S + 3600)


@pytest.mark.parametrize(
    ("changed", "standing"),
    [
        ({"is_logged_in": None}, "signed out"),
        ({"is_logged_in": False}, "signed out"),
        ({"is_logged_in": "true"}, "signed out"),
        ({"email": None}, "no address"),
        ({"email": "  "}, "no address"),
        ({"email": ["ada@example.org"]}, "no address"),
        ({"email_verified": False}, "unverified"),
        ({"email_verified": "false"}, "unverified"),
        ({"email_verified": 0}, "unverified"),
        ({"email_verified": ""}, "unverified"),
        ({"email_verified": [True]}, "unverified"),
        ({"exp": NOW_S}, "ended"),
        ({"exp": NOW_S - 1}, "ended"),
        ({"exp": None}, "ended"),
        ({"exp": "soon"}, "ended"),
        ({"exp": str(NOW_S + 3600)}, "ended"),
        ({"exp": True}, "ended"),
        ({"exp": math.nan}, "ended"),
        ({"exp": math.inf}, "ended"),
        ({"email": "eve@example.org"}, "not listed"),
        ({"email": "ada@example.org.evil.test"}, "not listed"),
        ({"email": "ada@example.org, bob@example.org"}, "not listed"),
    ],
)
def test_whoever_is_not_an_operator_is_a_viewer_and_is_told_why(
    changed: dict[str, Any], standing: str
) -> None:
    admission = admit(claims(**changed), OPERATORS, now_s=NOW_S)
    assert (admission.actor.role, admission.standing) == ("viewer", standing)


@pytest.mark.parametrize("verified", [None, True, "true", "True"])
def test_a_provider_may_say_nothing_of_verification(verified: object) -> None:
    assert admit(claims(email_verified=verified), OPERATORS, now_s=NOW_S).standing == "operator"


@pytest.mark.parametrize("changed", [{"email_verified": False}, {"exp": NOW_S - 1}])
def test_an_address_that_may_be_another_s_names_nobody(changed: dict[str, Any]) -> None:
    assert admit(claims(**changed), OPERATORS, now_s=NOW_S).actor == Actor()


def test_without_claims_or_without_a_list_nobody_acts() -> None:
    assert admit({}, OPERATORS, now_s=NOW_S).standing == "signed out"
    assert admit(claims(), frozenset(), now_s=NOW_S).standing == "not listed"


def test_an_operator_whose_token_ended_meanwhile_may_not_act() -> None:
    actor = Actor("ada@example.org", "operator", until_s=NOW_S)
    require_operator(actor, "Clearing", clock=lambda: NOW_S - 0.001)
    with pytest.raises(NotAllowedError, match="has ended"):
        require_operator(actor, "Clearing", clock=lambda: NOW_S)


# Long s, Kelvin sign, dotless and dotted i, sharp s: each folds to other letters.
_LETTERS = "A-Za-z0-9._\u017f\u212a\u0131\u0130\u00df\u00e9+-"
_address = st.from_regex(rf"[{_LETTERS}]{{1,12}}@[A-Za-z0-9.-]{{1,12}}", fullmatch=True)


def _without_capitals(address: str) -> str:
    return "".join(one.lower() if "A" <= one <= "Z" else one for one in address)


@given(listed=st.lists(_address, max_size=5), asking=_address)
def test_only_who_is_listed_acts_and_no_look_alike(listed: list[str], asking: str) -> None:
    """The same but for capitals A to Z; not what other letters fold to."""
    operators = checked_emails(listed)
    admission = admit(claims(email=asking), operators, now_s=NOW_S)
    is_listed = _without_capitals(asking) in {_without_capitals(one) for one in listed}
    assert (admission.actor.role == "operator") is is_listed


@given(listed=st.lists(_address, min_size=1, max_size=5), data=st.data())
def test_everybody_listed_acts_however_it_is_written(
    listed: list[str], data: st.DataObject
) -> None:
    separator = data.draw(st.sampled_from([",", ", ", " , ", ",,", "\n,"]))
    asking = data.draw(st.sampled_from(listed))
    swapped = "".join(one.swapcase() if one.isascii() else one for one in asking)
    operators = checked_emails(separator.join(listed))
    for written in (asking, swapped, f" {asking} "):
        assert admit(claims(email=written), operators, now_s=NOW_S).standing == "operator"


@given(email=st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary()),
       verified=st.one_of(st.none(), st.booleans(), st.text()),
       exp=st.one_of(st.none(), st.floats(), st.integers(), st.text()),
       now_s=st.floats(0, 1e11))  # fmt: skip
def test_claims_of_any_kind_never_raise_and_never_let_in_too_much(
    email: Any, verified: Any, exp: Any, now_s: float
) -> None:
    given_claims = {
        "is_logged_in": True, "email": email, "email_verified": verified, "exp": exp,
    }  # fmt: skip
    admission = admit(given_claims, OPERATORS, now_s=now_s)
    if admission.actor.role == "operator":
        assert same_email(email) in OPERATORS
        assert verified is not False
        assert exp > now_s


# The list in the settings


def test_operators_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATORS", " Ada@Example.org ,bob@example.org,, ")
    assert load_settings().operators == {"ada@example.org", "bob@example.org"}


def test_operators_may_be_a_list_in_the_secrets() -> None:
    assert load_settings(operators=["Ada@example.org"]).operators == {"ada@example.org"}


@pytest.mark.parametrize(
    ("given_text", "place"),
    [
        ("*", "1 of 1"),
        ("*@example.org", "1 of 1"),
        ("ada@example.org, @example.org", "2 of 2"),
        ("ada@example.org bob@example.org", "1 of 1"),
        ("ada@example.org; bob@example.org", "1 of 1"),
        ("ada", "1 of 1"),
        ("Ada <ada@example.org>", "1 of 1"),
    ],
)
def test_what_is_no_address_is_refused_by_its_place(
    monkeypatch: pytest.MonkeyPatch, given_text: str, place: str
) -> None:
    monkeypatch.setenv("OPERATORS", given_text)
    with pytest.raises(ValueError, match=f"OPERATORS: entry {place} is no e-mail address"):
        load_settings()


def test_addresses_are_not_in_the_settings_repr() -> None:
    assert "ada@example.org" not in repr(load_settings(operators="ada@example.org"))
