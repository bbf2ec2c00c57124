"""What the pages make of the standings: frames, marks, sentences, charts. No page is run."""

from __future__ import annotations

import pandas as pd
import pytest

from cache_core.learning.intervals import Estimate, Slope, Sums, change, estimate
from cache_core.learning.patterns import Pattern
from cache_core.learning.standings import Cell, Standings, UserStanding
from cache_core.learning.tags import user_group
from cache_core.telemetry import Counts, GroupFigures, GroupsOf
from cache_core.telemetry.groups import GroupCounts
from ui import learning_charts, standing_charts, standing_frames, user_reads
from ui.served import worth_over


def _figure(good: int, count: int) -> Estimate:
    found = estimate(Sums(count, good, good))
    assert found is not None
    return found


def _cell(user: str, category: str, good: int, count: int, *, stands_out: bool = False) -> Cell:
    mine, others = _figure(good, count), _figure(50, 100)
    return Cell(user, category, mine, others, change(mine, others), count >= 10, stands_out)


FOUND = Standings(
    users=(
        UserStanding("ada", _figure(60, 110), Slope(0.02, 0.01, 0.03, 110)),
        UserStanding("boris", _figure(30, 90), Slope(-0.02, -0.05, 0.01, 90)),
        UserStanding("chen", _figure(2, 4), None),
    ),
    categories=("code", "data"),
    categories_known=2,
    cells=(
        _cell("ada", "code", 80, 100, stands_out=True),
        _cell("ada", "data", 52, 100),
        _cell("boris", "code", 10, 50, stands_out=True),
        _cell("boris", "data", 28, 40),
        _cell("chen", "data", 2, 4),
    ),
    compared=4,
)


def test_a_cell_says_the_mean_its_mark_or_how_few_there_are() -> None:
    frame = standing_frames.cell_frame(FOUND)
    assert frame["label"].tolist() == ["80 ▲", "52", "20 ▼", "70 △", "n 4"]
    assert frame["verdict"].tolist() == [
        "▲ better",
        "– no clear difference",
        "▼ worse",
        "△ better, may be chance",
        "… too few",
    ]
    assert frame["difference"].tolist() == pytest.approx([30, 2, -30, 20, 0])


def test_what_stands_out_is_told_with_interval_and_count() -> None:
    told = standing_frames.standing_out(FOUND)
    assert len(told) == 2
    assert told[0].startswith("**ada** in **code**: 80 % (71 to 87 %) in 100 outcomes")
    assert "30.0 points better (95 % interval +" in told[0]
    assert "30.0 points worse (95 % interval -" in told[1]


def test_the_sentence_names_best_worst_and_the_phrases_that_matter() -> None:
    clear = change(_figure(80, 100), _figure(50, 100))
    assert clear is not None
    helps = Pattern("step by step", 8, 20, _figure(80, 100), _figure(50, 100), clear, True)
    told = standing_frames.what_works(FOUND, [helps])
    assert told == (
        "What stands out: ada does better than others in code (+30 points); "
        "boris does worse than others in code (-30 points); "
        "“step by step” helps most (+30 points)."
    )
    nobody = Standings((), (), 0, (), 0)
    assert standing_frames.what_works(nobody, []).startswith("No user, category or phrase stands")


def test_a_name_in_a_sentence_has_no_meaning_as_markdown() -> None:
    odd = Standings((), ("c",), 1, (_cell("[x](y)", "c", 80, 100, stands_out=True),), 1)
    assert "\\[x\\](y)" in standing_frames.standing_out(odd)[0]
    assert "\\[x\\](y)" in standing_frames.what_works(odd, [])


def test_who_gets_better_is_counted_and_thin_data_is_not_judged() -> None:
    told = standing_frames.people_sentence(FOUND)
    assert told.startswith("**1 of 3 users clearly gets better, 0 get worse.** 1 has too few")
    assert told.endswith("Most: ada, +2.00 points a week (95 % interval +1.00 to +3.00).")
    people = standing_frames.people_frame(FOUND)
    assert people["trend"].tolist()[:2] == pytest.approx([2.0, -2.0])
    assert people["trend"].isna().tolist() == [False, False, True]


def test_the_grid_marks_what_it_colours_and_leaves_thin_cells_without_a_hue() -> None:
    frame = standing_frames.cell_frame(FOUND)
    before = frame.copy()
    chart = standing_charts.cell_chart(frame, FOUND.categories).to_dict()
    assert frame.equals(before)
    fields = chart["layer"][0]
    coloured = chart["datasets"][fields["data"]["name"]]
    assert [row["label"] for row in coloured] == ["80 ▲", "52", "20 ▼", "70 △"]
    assert fields["encoding"]["x"]["scale"]["domain"] == ["code", "data"]
    assert chart["layer"][1]["encoding"]["text"]["field"] == "label"


def test_the_grid_is_told_to_those_who_cannot_see_it() -> None:
    assert standing_frames.describe_cells(standing_frames.cell_frame(FOUND)) == (
        "Mean outcome of 3 users by 2 categories, against everybody else in the category: "
        "ada in code 80 %, +30 points; boris in code 20 %, -30 points."
    )


def test_users_without_a_trend_are_not_in_the_chart_of_trends() -> None:
    chart = learning_charts.trend_chart(standing_frames.people_frame(FOUND)).to_dict()
    dots = next(layer for layer in chart["layer"] if layer["mark"]["type"] == "point")
    names = [row["name"] for row in chart["datasets"][(dots.get("data") or chart["data"])["name"]]]
    assert names == ["ada", "boris"]


def test_reads_of_a_user_are_those_of_all_asked_for_namespaces() -> None:
    ada, boris = user_group("ada"), user_group("boris")
    figures = GroupFigures(
        0,
        {
            "a": GroupsOf(9, 3, {ada: GroupCounts(4, 1, 1.5), boris: GroupCounts(2, 2, 0.0)}),
            "b": GroupsOf(9, 3, {ada: GroupCounts(4, 1, 0.5)}),
            "c": GroupsOf(9, 3, {ada: GroupCounts(100, 0, 9.0)}),
        },
    )
    reads = user_reads.reads_of_users(figures, ["a", "b"], ["ada", "boris", "chen"])
    assert reads.to_numpy().tolist() == [["ada", 8, 0.75, 2.0], ["boris", 2, 0.0, 0.0]]


def test_reads_stand_beside_their_user_and_none_are_made_up() -> None:
    reads = pd.DataFrame(
        {"user": ["boris", "zoe"], "lookups": [8, 2], "hit_rate": [0.75, 0.5], "saved_s": [1.5, 1]}
    )
    people = standing_frames.people_frame(FOUND)
    joined = user_reads.with_reads(people, reads)
    assert joined["name"].tolist() == ["ada", "boris", "chen"]
    assert joined["lookups"].isna().tolist() == [True, False, True]
    assert joined["hit_rate"].isna().tolist() == [True, False, True]
    table = user_reads.people_table(joined)
    assert table.loc[1, ["Lookups", "Hit rate", "Time saved"]].tolist() == [8, 75.0, "1.5 s"]
    assert "Lookups" not in user_reads.people_table(people)


def test_what_the_cache_did_over_the_window_is_told_or_that_nothing_was_counted() -> None:
    counts = Counts()
    assert worth_over(counts, "7d") == "last 7d: none counted yet"
    counts.add("hit", 3)
    counts.add("miss.cold", 1)
    assert worth_over(counts, "7d") == "last 7d: 75 % of 4 lookups from cache"
    counts.saved_s = 2.5
    assert worth_over(counts, "1h") == "last 1h: 75 % of 4 lookups from cache, 2.5 s saved"
