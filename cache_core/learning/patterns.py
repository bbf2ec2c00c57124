"""What repeated phrasings have to do with outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select

from cache_core.learning.intervals import LEVEL, Change, Estimate, Sums, change, estimate
from cache_core.learning.models import Instruction, Outcome
from cache_core.learning.phrases import contains, read_corpus, repeated_phrases
from cache_core.learning.sums import COUNT, SQUARES, TOTAL, sums_from

PATTERNS_SHOWN = 60
# Fewer texts with, or without, the phrase say too little to compare.
_TEXTS_COMPARED_MIN = 3
_LOOKUP_ROWS = 500
# Share of common texts from which two phrases with common words count as one; less is needed when
# all words of one are in the other.
_SAME_TEXTS, _SAME_TEXTS_INSIDE = 0.7, 0.4


@dataclass(frozen=True, slots=True)
class Pattern:
    """A phrase that repeats in `texts` distinct texts with `outcomes` outcomes in all.

    `with_it` and `without_it` are means over texts, each text counting once however often it was
    tried; `lift` is their difference. `stands_out`: the difference stays clear of zero even when
    the interval allows for the number of phrases looked at (Bonferroni).
    """

    phrase: str
    texts: int
    outcomes: int
    with_it: Estimate
    without_it: Estimate
    lift: Change
    stands_out: bool


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns of one category (None: all), telling ones first; from `texts_read` of `texts_known`.

    `compared` phrases were looked at; of those about one in twenty is clear by chance alone.
    """

    category: str | None
    texts_known: int
    texts_read: int
    compared: int
    patterns: tuple[Pattern, ...]


def static_patterns(engine: Engine, category: str | None) -> Patterns:
    """Find repeated phrases and compare the texts with each to those without.

    A difference here is not yet a cause: texts with a phrase may differ in other ways as well.
    Touched by every outcome in the category, or by every outcome when `category` is None.
    """
    corpus = read_corpus(engine, category)
    phrases = repeated_phrases(engine, category, corpus)
    outcomes = outcomes_by_text(engine, corpus.md5s, category)
    scored = [
        (words, outcomes[md5])
        for md5, words in zip(corpus.md5s, corpus.words, strict=True)
        if md5 in outcomes
    ]
    different = _different(phrases, [words for words, _ in scored])
    level = 1 - (1 - LEVEL) / max(len(different), 1)
    found = [_compare(phrase, scored, level) for phrase in different]
    patterns = sorted((pattern for pattern in found if pattern is not None), key=_telling)
    return Patterns(
        category, corpus.known, len(corpus.md5s), len(patterns), tuple(patterns[:PATTERNS_SHOWN])
    )


def outcomes_by_text(
    engine: Engine, md5s: Sequence[bytes], category: str | None
) -> dict[bytes, Sums]:
    """Sums of the outcomes of each text that has any."""
    found: dict[bytes, Sums] = {}
    with engine.connect() as connection:
        for start in range(0, len(md5s), _LOOKUP_ROWS):
            query = (
                select(Instruction.md5, COUNT, TOTAL, SQUARES)
                .join_from(Instruction, Outcome)
                .where(Instruction.md5.in_(md5s[start : start + _LOOKUP_ROWS]))
                .group_by(Instruction.md5)
            )
            if category is not None:
                query = query.where(Instruction.category == category)
            for md5, *sums in connection.execute(query):
                found[bytes(md5)] = sums_from(*sums)
    return found


def _different(phrases: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Leave out a phrase that says much the same as an earlier one: words and texts in common."""
    kept: list[tuple[str, frozenset[str], frozenset[int]]] = []
    for phrase in phrases:
        words = frozenset(phrase.split())
        places = frozenset(at for at, text in enumerate(texts) if contains(text, phrase))
        if not any(
            words & other
            and len(places & there)
            >= (_SAME_TEXTS_INSIDE if words <= other or other <= words else _SAME_TEXTS)
            * len(places | there)
            for _, other, there in kept
        ):
            kept.append((phrase, words, places))
    return [phrase for phrase, _, _ in kept]


def _compare(phrase: str, scored: list[tuple[str, Sums]], level: float) -> Pattern | None:
    """None when too few texts are on either side."""
    with_it, without_it = Sums(), Sums()
    outcomes = 0
    for words, sums in scored:
        mean = sums.total / sums.count
        one_text = Sums(1, mean, mean * mean)
        if contains(words, phrase):
            with_it += one_text
            outcomes += sums.count
        else:
            without_it += one_text
    if min(with_it.count, without_it.count) < _TEXTS_COMPARED_MIN:
        return None
    one, other = estimate(with_it), estimate(without_it)
    lift = change(one, other)
    strict = change(estimate(with_it, level=level), estimate(without_it, level=level))
    if one is None or other is None or lift is None or strict is None:
        return None
    return Pattern(phrase, with_it.count, outcomes, one, other, lift, strict.is_clear)


def _telling(pattern: Pattern) -> tuple[bool, bool, float, str]:
    """Those that stand out first, then the clear ones, the largest differences before others."""
    return (
        not pattern.stands_out,
        not pattern.lift.is_clear,
        -abs(pattern.lift.difference) if pattern.lift.is_clear else -float(pattern.texts),
        pattern.phrase,
    )
