"""Advice on a TTL as a recommendation, and the older rule that it takes the place of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cache_core.insight.recommendations import Recommendation, recommend
from cache_core.insight.ttl_terms import TooLittle, TtlAdvice, TtlPicture
from cache_core.policy import Policy
from tests.insight.measured import counts, measured
from tests.insight.ttl_pictures import advice, picture, promise

POLICY = Policy(ttl_s=300)
EXPIRING = counts({"source": (100, 0.5)}, hit=300, miss__expired=100, unchanged=100)


def given(pictured: TtlPicture | TooLittle | None) -> dict[str, Recommendation]:
    """By rule, what is said of entries that expire too soon."""
    pictures: Any = {} if pictured is None else {"ns": pictured}
    found = recommend(measured(EXPIRING, POLICY, pictures=pictures))
    return {one.rule: one for one in found.recommendations}


def best(found: TtlAdvice) -> Recommendation:
    return given(picture(found))["best_ttl"]


def test_a_better_ttl_is_advised_with_all_its_numbers() -> None:
    one = best(advice())
    assert one.action is not None
    assert (one.action.verb, one.action.ttl_s) == ("retune", 720.0)
    assert one.finding == "Entries live 5 min; with 12 min more reads would be served."
    assert one.expected_effect == (
        "hit rate 61 % → 78 % (+17 points); outdated reads 1.1 % → 2.7 %, at most 4 %; "
        "the source runs 4.2 min an hour less, 340 store commands an hour fewer"
    )
    assert one.effect.points == pytest.approx(0.17)
    assert one.effect.reads == pytest.approx(170), "of 1,000 an hour"
    assert one.effect.source_s == 252
    assert one.evidence == (
        "10,000 reads over 10 h; 38 of 200 recomputes found that the data had changed; "
        "least sure: watched for 10 h, less than a day"
    )
    assert (one.severity, one.confidence) == ("High", "medium")
    assert "5 % (`staleness_budget`)" in one.rule_text
    assert "might leave more than 5 %" in one.rule_text


def test_it_takes_the_place_of_the_older_rule() -> None:
    assert set(given(None)) == {"longer_ttl"}
    assert set(given(picture())) == {"best_ttl"}


@pytest.mark.parametrize("pictured", [TooLittle("few"), picture(TooLittle("few"))])
def test_the_older_rule_stays_where_too_little_was_logged(pictured: Any) -> None:
    assert set(given(pictured)) == {"longer_ttl"}


def test_where_no_other_ttl_is_better_neither_is_said() -> None:
    assert given(picture(advice(1, 1))) == {}


@pytest.mark.parametrize(
    ("found", "severity"),
    [
        (advice(), "High"),
        (advice(confidence="low"), "Medium"),
        (replace(advice(), advised=replace(promise(2), hit_rate=0.65)), "Medium"),
        (replace(advice(), advised=replace(promise(2), hit_rate=0.62), source_s_an_hour=9), "Low"),
        (replace(advice(3, 2), present=replace(promise(3), staleness=0.1)), "High"),
        (advice(3, 2), "Medium"),
        (advice(2, 1), "Low"),
    ],
)
def test_severity_is_by_the_gain_or_by_how_far_it_is_over_the_budget(
    found: TtlAdvice, severity: str
) -> None:
    assert best(found).severity == severity


def test_a_shorter_life_is_advised_where_too_many_reads_are_outdated() -> None:
    one = best(advice(3, 2, source_s_an_hour=-30.0, commands_an_hour=-140.0))
    assert (
        one.finding == "Entries live 25 min; too many reads are outdated, 12 min would be better."
    )
    assert "85 % → 78 % (-7 points)" in one.expected_effect
    assert "the source runs 30 s an hour more, 140 store commands an hour more" in (
        one.expected_effect
    )


def test_a_shorter_life_that_does_as_well_says_so() -> None:
    assert "12 min" not in best(advice(2, 1)).finding.partition(";")[2]
    assert best(advice(2, 1)).finding.endswith("5 min would do as well, with fewer reads outdated.")


def test_a_source_that_was_not_timed_is_left_out() -> None:
    assert "the source" not in best(advice(source_s_an_hour=0.0)).expected_effect


def test_of_a_level_that_is_not_known_the_gain_is_promised() -> None:
    found = advice(is_level_known=False)
    assert best(found).expected_effect.startswith(
        "hit rate +17 points (of a level that moves with the traffic, about 70 % to 86 %); outdated"
    )
    untold = best(replace(found, level=None)).expected_effect
    assert untold.startswith("hit rate +17 points (of a level that moves with the traffic); ")
