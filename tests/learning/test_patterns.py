"""Repeated phrases and what they have to do with outcomes; analysis of one instruction."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, delete, func, select, update

from cache_core.learning.analysis import analysis, category_of
from cache_core.learning.intervals import Estimate
from cache_core.learning.models import StoredPattern
from cache_core.learning.neighbours import Near, Neighbourhood, neighbourhood
from cache_core.learning.patterns import static_patterns
from cache_core.learning.phrases import mine, read_corpus, words_of
from cache_core.learning.sample import ensure_sample
from cache_core.learning.texts import excerpt, normalise, text_md5
from tests.learning.conftest import NOW
from tests.learning.data import import_rows, row

THINGS = ["boats", "trains", "kites", "lamps", "clocks", "doors", "chairs", "rivers"]


def _texts(engine: Engine) -> None:
    rows = [row("a", f"Think step by step about {thing}", outcome=1) for thing in THINGS]
    rows += [row("a", f"Tell me anything on {thing}", outcome=0) for thing in THINGS]
    import_rows(engine, rows)


def test_texts_are_equal_after_compatibility_forms_case_and_space() -> None:
    assert normalise("  ＦＵＬＬ\u00a0Straße \n") == "full strasse"
    assert text_md5("A  b") == text_md5("a B\n")


def test_an_excerpt_is_one_line_of_bounded_length() -> None:
    assert excerpt("a\nb") == "a b"
    assert len(excerpt("word " * 1_000)) <= 120
    assert excerpt("word " * 1_000).endswith("…")


def test_only_maximal_phrases_are_kept() -> None:
    texts = [words_of(f"think step by step about {thing}") for thing in THINGS]
    texts += [words_of(f"some {thing}") for thing in THINGS]
    assert mine(texts) == ("think step by step",)


@pytest.mark.parametrize(
    ("repeated", "found"),
    [
        ("My request is I {}", ()),
        ("{} request is I need", ()),
        ("{} and the meeting notes for", ("meeting notes",)),
        ("{} as soon as possible", ("as soon as possible",)),
        ("do not use {}", ("do not use",)),
        ("in the style of {}", ("in the style",)),
    ],
)
def test_function_words_at_an_open_end_are_cut_off(repeated: str, found: tuple[str, ...]) -> None:
    texts = [words_of(repeated.format(thing)) for thing in THINGS]
    texts += [words_of(f"other {thing}") for thing in THINGS]
    assert mine(texts) == found


def test_a_phrase_does_not_reach_over_the_end_of_a_sentence() -> None:
    texts = [words_of(f"Keep {thing} short. Answer now!") for thing in THINGS]
    texts += [words_of(f"other {thing}") for thing in THINGS]
    assert "short answer" not in " ".join(mine(texts))


def test_a_phrase_is_counted_once_for_each_text() -> None:
    assert mine([words_of("red apple, red apple, red apple, red apple")]) == ()


def test_a_phrase_of_the_better_texts_has_a_lift_that_stands_out(engine: Engine) -> None:
    _texts(engine)
    (pattern, *_) = [
        item for item in static_patterns(engine, None).patterns if "step by step" in item.phrase
    ]
    assert (pattern.texts, pattern.outcomes) == (8, 8)
    assert pattern.lift.difference == 1.0
    assert pattern.stands_out


def test_each_text_counts_once_however_often_it_was_tried(engine: Engine) -> None:
    _texts(engine)
    import_rows(engine, [row("b", "Think step by step about boats", outcome=0)] * 99)
    (pattern, *_) = [
        item for item in static_patterns(engine, None).patterns if "step by step" in item.phrase
    ]
    assert (pattern.texts, pattern.outcomes) == (8, 107)
    assert pattern.with_it.mean == pytest.approx((7 + 0.01) / 8)


def test_patterns_of_a_category_leave_the_others_out(engine: Engine) -> None:
    _texts(engine)
    import_rows(engine, [row(instruction=f"draw {t} in blue", category="art") for t in THINGS])
    patterns = static_patterns(engine, "art")
    assert patterns.texts_known == 8
    assert not any("step" in item.phrase for item in patterns.patterns)


def test_mined_phrases_are_kept_in_the_database_until_texts_come(engine: Engine) -> None:
    _texts(engine)
    static_patterns(engine, None)
    with engine.begin() as connection:
        first = connection.execute(select(func.min(StoredPattern.id))).scalar_one()
        connection.execute(delete(StoredPattern).where(StoredPattern.id != first))
        connection.execute(update(StoredPattern).values(phrase="tell me"))
    assert [item.phrase for item in static_patterns(engine, None).patterns] == ["tell me"]
    import_rows(engine, [row("a", "A new text")])
    assert "tell me" not in [item.phrase for item in static_patterns(engine, None).patterns]
    with engine.connect() as connection:
        stored = connection.execute(select(StoredPattern.corpus).distinct()).scalars().all()
    assert stored == [read_corpus(engine, None).fingerprint]


def test_the_sample_data_holds_the_patterns_it_was_given(sqlite_engine: Engine) -> None:
    ensure_sample(sqlite_engine, NOW)
    patterns = static_patterns(sqlite_engine, None).patterns
    found = {item.phrase: item for item in patterns if item.stands_out}
    assert found["as soon as possible"].lift.high < 0
    assert found["give an example of the expected output first"].lift.low > 0


def test_the_nearest_texts_share_words_and_leave_the_text_itself_out(engine: Engine) -> None:
    _texts(engine)
    found = neighbourhood(engine, "think STEP by step about boats")
    assert found.near[0].text.startswith("Think step by step about")
    assert text_md5("Think step by step about boats").hex() not in [n.md5 for n in found.near]
    assert found.texts_known == 16


def test_a_text_unlike_all_others_has_no_neighbours(engine: Engine) -> None:
    _texts(engine)
    answer = analysis(engine, "zebra")
    assert answer.neighbours == ()
    assert answer.expected is None
    assert answer.own is None


def test_an_empty_database_can_be_asked(engine: Engine) -> None:
    answer = analysis(engine, "anything")
    assert (answer.own, answer.expected, answer.contained) == (None, None, ())


def test_known_outcomes_of_the_very_text_are_given(engine: Engine) -> None:
    _texts(engine)
    answer = analysis(engine, "tell me ANYTHING on boats")
    assert isinstance(answer.own, Estimate)
    assert (answer.own.mean, answer.own.count) == (0.0, 1)


def test_the_expected_outcome_follows_the_nearest_texts(engine: Engine) -> None:
    _texts(engine)
    good = analysis(engine, "Think step by step about windows").expected
    bad = analysis(engine, "Tell me anything on windows").expected
    assert good is not None
    assert bad is not None
    assert good.mean > 0.9
    assert bad.mean < 0.1
    assert good.low < good.mean <= good.high


def test_observations_carry_their_numbers_and_advise_nothing(sqlite_engine: Engine) -> None:
    ensure_sample(sqlite_engine, NOW)
    answer = analysis(sqlite_engine, "Find the bug in this sorting routine as soon as possible.")
    assert answer.category == "code"
    (line,) = [line for line in answer.observations if "as soon as possible" in line]
    assert line.startswith("Texts in code that, as this one, hold “as soon as possible” did ")
    assert "points worse than those without" in line
    assert "95 % interval of the difference -" in line
    assert not {"Try", "Consider", "Keep"} & {line.split()[0] for line in answer.observations}


def test_phrases_are_compared_within_the_category_so_that_none_is_blamed_for_its_category(
    engine: Engine,
) -> None:
    """Research goes badly with and without the phrase; over all categories the phrase looks bad."""
    hard = [f"compare suppliers of {t}" for t in THINGS] + [f"list papers on {t}" for t in THINGS]
    easy = [f"draw some {t} in blue" for t in THINGS]
    import_rows(engine, [row(instruction=text, category="research", outcome=0) for text in hard])
    import_rows(engine, [row(instruction=text, category="art", outcome=1) for text in easy])
    over_all = {item.phrase: item for item in static_patterns(engine, None).patterns}
    assert over_all["compare suppliers"].lift.high < 0
    for text in (hard[0], "compare suppliers of wool"):
        answer = analysis(engine, text)
        assert answer.category == "research"
        assert answer.observations == ()


def test_neighbours_that_disagree_leave_the_category_open() -> None:
    def near(*found: tuple[str, float]) -> Neighbourhood:
        texts = tuple(Near("", "", category, similarity) for category, similarity in found)
        return Neighbourhood("", None, 9, 9, texts)

    assert category_of(near()) is None
    assert category_of(near(("code", 0.5), ("art", 0.5))) is None
    assert category_of(near(("code", 0.2), ("art", 0.9), ("code", 0.2))) == "art"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("a\x00", "NUL"),
        ("\ud800", "Unicode"),
        ("x" * 100_001, "longer"),
    ],
)
def test_unfit_text_is_refused_with_the_reason(
    sqlite_engine: Engine, text: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        analysis(sqlite_engine, text)
