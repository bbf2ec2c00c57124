"""Sentences and curves about TTLs, on pictures made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from cache_core.insight.ttl_terms import Ends, TooLittle, TtlAdvice
from tests.insight.ttl_pictures import TTLS_S, advice, picture, promise, study
from ui import ttl_charts, ttl_words
from ui.ttl_what_if_block import choices, marked

NAME = "ns"


def values_of(spec: dict[str, Any], layer: int) -> list[dict[str, Any]]:
    name = spec["layer"][layer].get("data", spec.get("data"))["name"]
    found: list[dict[str, Any]] = spec["datasets"][name]
    return found


def test_the_answer_is_one_sentence_with_four_effects() -> None:
    assert ttl_words.answer(NAME, study()) == (
        "Entries of `ns` live **5 min**. With **12 min** the cache would serve **78 %** instead of "
        "61 % of reads; about **2.7 %** instead of 1.1 % would be outdated; the source would run "
        "4.2 min an hour less."
    )


def test_a_shorter_life_costs_source_time() -> None:
    text = ttl_words.answer(NAME, study(picture(advice(3, 2, source_s_an_hour=-30.0))))
    assert "the source would run 30 s an hour more" in text


def test_shares_that_look_alike_get_a_digit_more() -> None:
    close = replace(advice(), advised=replace(promise(2), hit_rate=0.613))
    assert "**61.3 %** instead of 61 % of reads" in ttl_words.answer(NAME, study(picture(close)))


def test_outdated_reads_that_stay_as_they_are_tell_their_upper_end() -> None:
    same = replace(
        advice(),
        present=replace(promise(1), staleness=0.0),
        advised=replace(promise(2), staleness=0.0, staleness_high=0.009),
    )
    text = ttl_words.answer(NAME, study(picture(same)))
    assert "about 0 % would be outdated, as now (at most 0.9 %)" in text


def test_well_as_it_is() -> None:
    found = study(picture(advice(1, 1)))
    assert (
        "**no other life is a better trade**: the cache is expected to serve **61 %**"
        in ttl_words.answer(NAME, found)
    )
    assert ttl_words.gain(found) == "well as it is"


def test_the_most_to_gain_comes_first() -> None:
    found = {
        "none": study(TooLittle("few"), reads=0),
        "few": study(TooLittle("few"), reads=9),
        "well": study(picture(advice(1, 1))),
        "fresher": study(picture(advice(3, 2))),  # 3.3 points fewer outdated
        "most": study(),  # 17 points
    }
    assert ttl_words.most_to_gain_first(found) == ["most", "fresher", "well", "few", "none"]
    assert [ttl_words.gain(found[name]) for name in ("most", "fresher", "none")] == [
        "+17 points of hit rate, 4.2 min less source time an hour",
        "3.3 points fewer reads outdated",
        "no reads yet",
    ]


@pytest.mark.parametrize(
    ("found", "more", "wanted"),
    [
        (
            TooLittle("40 more reads needed for a curve.", reads_missing=40),
            {"reads": 60, "seen_s": 7200.0},
            "At the present rate, 30 reads an hour, that takes about 80 min.",
        ),
        (
            TooLittle("40 more reads needed for a curve.", reads_missing=40),
            {"reads": 60, "seen_s": 5.0},
            "How long that takes cannot be told yet.",
        ),
        (
            picture(TooLittle("5 more recomputes needed.", recomputes_missing=5)),
            {"recomputes": 15, "seen_s": 36_000.0},
            "At the present rate, 1.5 recomputes an hour, that takes about 3.3 h.",
        ),
        (picture(TooLittle("watched for 2 h: 4 h more.")), {}, "Watched for 2 h: 4 h more."),
    ],
)
def test_what_is_missing_and_how_long_it_takes(
    found: Any, more: dict[str, Any], wanted: str
) -> None:
    assert ttl_words.missing(study(found, **more)).endswith(wanted)


def test_a_budget_is_kept_for_sure_and_likely() -> None:
    text = ttl_words.within(picture(), 0.08)
    assert text.startswith("**Up to 12 min** at most 8 % of reads are outdated")
    assert text.endswith("By its middle, up to 25 min, serving 85 %.")
    assert "No life can be promised" in ttl_words.within(picture(), 0.0005)


def test_how_much_was_logged_is_said() -> None:
    assert "All of them are known one by one" in ttl_words.evidence(study())
    text = ttl_words.evidence(study(share=0.12, hot=3))
    assert "Those of **12 % of the keys** are known one by one" in text
    assert "those of the 3 hottest keys in stretches of time" in text
    assert "**200 recomputes** of 900 looked at: 38 found that the data had changed (19 %)" in text


def test_what_can_be_tried_goes_one_step_beyond_the_policy() -> None:
    assert choices(study(), picture()) == [15.0, *TTLS_S, 6000.0]


def test_ttls_are_marked_once() -> None:
    assert marked(study(), 720.0) == [("now", 300.0), ("advised", 720.0)]
    assert marked(study(), 1500.0)[-1] == ("what if", 1500.0)
    assert marked(study(picture(advice(1, 1))), 6000.0) == [("now", 300.0)]


def test_lines_end_where_nothing_can_be_said_and_the_ground_says_why() -> None:
    frame = ttl_charts.picture_frame(picture())
    marks = ttl_charts.mark_frame(frame, marked(study()))
    spec = ttl_charts.stale_chart(frame, marks, 0.05, 0.1).to_dict()
    (shade,) = values_of(spec, 0)
    assert (shade["ttl_s"], shade["end_s"]) == (1500.0, 3000.0)
    assert shade["why"].replace("\n", " ") == "too little was seen of lives this long"
    line = next(at for at, one in enumerate(spec["layer"]) if one["mark"]["type"] == "line")
    assert [row["ttl_s"] for row in values_of(spec, line)] == list(TTLS_S[:-1])
    assert ttl_words.told_until(picture()) == (
        "Shaded: too little was seen of lives this long, beyond 25 min."
    )
    assert "Beyond 25 min too little was seen" in ttl_charts.describe_stale(frame, marks, 0.05)


def test_a_wide_shade_has_its_words_in_the_chart() -> None:
    unknown = [replace(one, staleness=math.nan) for one in picture().grid[2:]]
    wide = replace(picture(), grid=(*picture().grid[:2], *unknown))
    frame = ttl_charts.picture_frame(wide)
    spec = ttl_charts.stale_chart(frame, ttl_charts.mark_frame(frame, []), 0.05, 0.1).to_dict()
    assert spec["layer"][1]["mark"]["type"] == "text"


def test_what_is_known_throughout_is_not_shaded() -> None:
    frame = ttl_charts.picture_frame(picture())
    marks = ttl_charts.mark_frame(frame, marked(study()))
    spec = ttl_charts.rate_chart(frame, marks).to_dict()
    rects = [layer["mark"] for layer in spec["layer"] if layer["mark"]["type"] == "rect"]
    assert [mark["opacity"] for mark in rects] == [0], "the room for labels alone"
    labels = [
        values_of(spec, at)[0]["label"]
        for at, layer in enumerate(spec["layer"])
        if layer["mark"]["type"] == "text"
    ]
    assert labels == ["now: 5 min", "advised: 12 min"]


def test_the_axis_has_room_for_the_budget_and_what_is_marked() -> None:
    assert ttl_charts.top_of(picture(), 0.05, [300.0, 720.0]) == pytest.approx(0.1)
    assert ttl_charts.top_of(picture(), 0.02, [300.0, 1500.0]) == pytest.approx(1.25 * 0.09)
    assert ttl_charts.top_of(picture(), 0.02, [3000.0]) == pytest.approx(0.04), "not known there"


def unknown(**more: Any) -> TtlAdvice:
    """Advice from so short a time that the gain alone is promised."""
    return advice(is_level_known=False, confidence="low", **more)


def test_of_a_level_that_is_not_known_the_gain_and_the_range_are_said() -> None:
    text = ttl_words.answer(NAME, study(picture(unknown(level=Ends(0.704, 0.851)))))
    assert text == (
        "Entries of `ns` live **5 min**. With **12 min** the cache would serve **17 points more** "
        "of all reads; what share that comes to moves with the traffic, **about 70 % to 86 %**; "
        "about **2.7 %** instead of 1.1 % would be outdated; the source would run 4.2 min an hour "
        "less."
    )
    assert "cannot be told yet" in ttl_words.answer(NAME, study(picture(unknown(level=None))))
    assert "cannot be told yet" in ttl_words.answer(
        NAME, study(picture(unknown(level=Ends(0.1, 0.95))))
    ), "ends so far apart say nothing"
    shorter = replace(unknown(), present=promise(3))
    assert "**7 points less** of all reads" in ttl_words.answer(NAME, study(picture(shorter)))
    as_many = replace(unknown(), present=replace(promise(1), hit_rate=0.7801))
    assert "**as many** of all reads" in ttl_words.answer(NAME, study(picture(as_many)))


def test_a_ttl_that_is_well_promises_no_level_that_is_not_known() -> None:
    found = study(picture(replace(unknown(), advised=promise(1))))
    assert (
        "**no other life is a better trade**: what share of reads the cache serves moves with the "
        "traffic, **about 70 % to 86 %**; about 1.1 %"
    ) in ttl_words.answer(NAME, found)


def test_how_far_off_it_may_be_is_a_range() -> None:
    text = ttl_words.grounds(advice())
    assert "over as long again, a hit rate of 70 % to 86 % is likely" in text
    assert "a change of +12 points to +20 points" in text
    assert "The traffic decides the level" not in text
    assert ttl_words.grounds(unknown()).endswith(
        "The traffic decides the level; the change is what the TTL does."
    )
    assert "change of" not in ttl_words.grounds(advice(1, 1))
    assert "cannot be told yet" in ttl_words.grounds(advice(level=None))


def test_hit_rates_that_are_tried_out_are_those_of_the_time_watched() -> None:
    assert "those of the time watched" in ttl_words.of_time_watched(study(picture(unknown())))
    assert ttl_words.of_time_watched(study()) == ""
