"""What to expect of one instruction: its own outcomes, its neighbours', the phrases in it.

`analyse` only puts together; what it needs from the database comes from `neighbourhood` (texts),
`instruction_outcomes` (one text each) and `static_patterns`, which are cached apart, so that an
outcome recorded for one text leaves the entries of all others alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from cache_core.learning.intervals import Estimate, Sums, estimate, wilson
from cache_core.learning.neighbours import Near, Neighbourhood, neighbourhood
from cache_core.learning.patterns import Pattern, Patterns, outcomes_by_text, static_patterns
from cache_core.learning.phrases import contains, words_of
from cache_core.learning.rows import TEXT_MAX_CHARS

_OBSERVATIONS = 4


@dataclass(frozen=True, slots=True)
class InstructionOutcomes:
    """Sums over all outcomes of one text, in whatever category; `md5` in hexadecimal."""

    md5: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class NeighbourOutcomes:
    """A neighbour and how it went; None when nothing is recorded."""

    near: Near
    outcomes: Estimate | None


@dataclass(frozen=True, slots=True)
class Expected:
    """Similarity-weighted mean of the neighbours' outcomes (0 to 1) with a 95 % interval.

    `effective` is how many equally similar texts the weights are worth.
    """

    mean: float
    low: float
    high: float
    texts: int
    effective: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """Answer for one text. `own` is None when the text was never tried, `expected` without
    neighbours that were. `category` is the one whose texts the phrases are compared in, None for
    all. Observations are sentences, each with the numbers it stands on; none of them is a cause.
    """

    md5: str
    own: Estimate | None
    expected: Expected | None
    neighbours: tuple[NeighbourOutcomes, ...]
    contained: tuple[Pattern, ...]
    category: str | None
    observations: tuple[str, ...]
    texts_known: int
    texts_compared: int


def checked_text(text: str) -> str:
    """The text if it can be analysed. Raises ValueError saying why it cannot."""
    if not text or text.isspace():
        raise ValueError("the instruction is empty")
    if len(text) > TEXT_MAX_CHARS:
        raise ValueError(f"the instruction is longer than {TEXT_MAX_CHARS:,} characters")
    if "\x00" in text:
        raise ValueError("the instruction holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the instruction is not valid Unicode text") from None
    return text


def analysis(engine: Engine, text: str, category: str | None = None) -> Analysis:
    """Analyse one instruction straight from the database. Raises ValueError for unfit text.

    Args:
        category: whose texts to compare phrases in; by default that of the text (`category_of`).
    """
    near = neighbourhood(engine, checked_text(text))
    md5s = [near.md5, *(neighbour.md5 for neighbour in near.near)]
    patterns = static_patterns(engine, category or category_of(near))
    return analyse(text, near, instruction_outcomes(engine, md5s), patterns)


def category_of(near: Neighbourhood) -> str | None:
    """The category a text belongs to: its own where it is known, else that of its neighbours.

    Of the neighbours it is the one that holds more than half of their similarity; None without.
    """
    if near.category is not None:
        return near.category
    shares: Counter[str] = Counter()
    for neighbour in near.near:
        shares[neighbour.category] += neighbour.similarity  # type: ignore[assignment]
    for category, share in shares.most_common(1):
        if 2 * share > shares.total():
            return category
    return None


def instruction_outcomes(engine: Engine, md5s: Sequence[str]) -> list[InstructionOutcomes]:
    """Outcomes of each text (MD5 in hexadecimal), in the order given; empty sums for unknown."""
    found = outcomes_by_text(engine, [bytes.fromhex(md5) for md5 in md5s], None)
    return [InstructionOutcomes(md5, found.get(bytes.fromhex(md5), Sums())) for md5 in md5s]


def analyse(
    text: str, near: Neighbourhood, outcomes: Sequence[InstructionOutcomes], patterns: Patterns
) -> Analysis:
    """Put the parts together; `outcomes` of the text itself first, then of each neighbour."""
    own, *others = (estimate(outcome.sums) for outcome in outcomes)
    neighbours = tuple(
        NeighbourOutcomes(neighbour, figure)
        for neighbour, figure in zip(near.near, others, strict=True)
    )
    words = words_of(text)
    inside = tuple(p for p in patterns.patterns if contains(words, p.phrase))
    return Analysis(
        md5=near.md5,
        own=own,
        expected=expected_outcome(neighbours),
        neighbours=neighbours,
        contained=inside,
        category=patterns.category,
        observations=observations(inside, patterns, neighbours, own),
        texts_known=near.texts_known,
        texts_compared=near.texts_compared,
    )


def expected_outcome(neighbours: Sequence[NeighbourOutcomes]) -> Expected | None:
    """Mean of the neighbours' outcomes, weighted by similarity.

    Each text counts once however often it was tried: three hundred runs of one text say much
    about that text and little about another. The interval is Wilson's for the effective number
    of texts (sum of weights squared over sum of squared weights: L. Kish, Survey Sampling, 1965).
    """
    weights = [(row.near.similarity, row.outcomes.mean) for row in neighbours if row.outcomes]
    total = sum(weight for weight, _ in weights)
    if total <= 0:
        return None
    mean = min(sum(weight * value for weight, value in weights) / total, 1.0)
    effective = total * total / sum(weight * weight for weight, _ in weights)
    low, high = wilson(mean, effective)
    return Expected(mean, low, high, len(weights), effective)


def observations(
    inside: Sequence[Pattern],
    patterns: Patterns,
    neighbours: Sequence[NeighbourOutcomes],
    own: Estimate | None,
) -> tuple[str, ...]:
    """Sentences on what was seen in other texts, as far as the numbers are clear; else none.

    They tell of differences, never what to do: texts with a phrase may differ in other ways too.
    """
    worse = [p for p in inside if p.lift.high < 0]
    better = [p for p in inside if p.lift.low > 0]
    missing = _unlike(
        [p for p in patterns.patterns if p.stands_out and p.lift.low > 0 and p not in inside]
    )
    where = "" if patterns.category is None else f" in {patterns.category}"
    lines = [_observed(p, ", as this one,", where) for p in worse[:2]]
    lines += [_observed(p, ", as this one,", where) for p in better[:1]]
    lines += [_observed(p, ", unlike this one,", where) for p in missing[:2]]
    if own is not None:
        lines += [
            f"A similar text ({_percent(row.near.similarity)} alike) did better: "
            f"{_percent(row.outcomes.mean)} in {row.outcomes.count:,} outcomes, "
            f"against {_percent(own.mean)} for this one. It begins “{row.near.text[:60]}”."
            for row in neighbours
            if row.outcomes is not None and row.outcomes.low > own.high
        ][:1]
    return tuple(lines[:_OBSERVATIONS])


def _unlike(patterns: Sequence[Pattern]) -> list[Pattern]:
    """Those that share no word with one before."""
    kept: list[Pattern] = []
    used: set[str] = set()
    for pattern in patterns:
        words = set(pattern.phrase.split())
        if used.isdisjoint(words):
            kept.append(pattern)
            used |= words
    return kept


def _observed(pattern: Pattern, whether: str, where: str) -> str:
    lift = pattern.lift
    doubt = "" if pattern.stands_out else " With this many phrases compared it may be chance."
    return (
        f"Texts{where} that{whether} hold “{pattern.phrase}” did "
        f"{abs(lift.difference) * 100:.0f} points {'better' if lift.difference > 0 else 'worse'} "
        f"than those without: {_percent(pattern.with_it.mean)} over {pattern.texts:,} texts, "
        f"against {_percent(pattern.without_it.mean)} over {pattern.without_it.count:,} (95 % "
        f"interval of the difference {lift.low * 100:+.0f} to {lift.high * 100:+.0f} "
        f"points).{doubt}"
    )


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
