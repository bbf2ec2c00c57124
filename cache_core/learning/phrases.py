"""Phrases that repeat in the texts: mined from a bounded sample of distinct texts.

The sample is chosen by hash (the texts with the lowest MD5), so that it is the same everywhere and
does not depend on order or size; it holds at most TEXTS_MINED texts of which the first
TEXT_MINED_CHARS characters are read.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from cache_core.learning.models import Instruction, StoredPattern
from cache_core.learning.sources import insert_new
from cache_core.learning.texts import normalise
from cache_core.logs import in_short, log

TEXTS_MINED = 3_000
TEXT_MINED_CHARS = 3_000
WORDS_MIN, WORDS_MAX = 2, 12
# A phrase counts when it is in at least this many texts, and in this share of them.
TEXTS_MIN, SHARE_MIN, SHARE_MAX = 3, 0.01, 0.9
PHRASES_KEPT = 200
# A shorter phrase is left out when a longer one around it has nearly all of its texts.
_SWALLOWED = 0.9
_WORD = re.compile(r"\w+(?:['’]\w+)*|\|")
# A phrase does not reach over the end of a sentence; there stands this mark.
_END = "|"
# A phrase that ends, or begins, with one of these was cut off: it goes on in different ways.
_OPEN_END = frozenset(
    """a an the this that these those my your our their its his of to in on at by for from with
    without about into onto over under between through during than as like and or but nor so if
    because while when where which who whose whether i we he she they is are was were be been being
    am do does did has have had will would shall should can could may might must need want not
    some any each every""".split()
)
_OPEN_START = frozenset(
    "a an the and or but nor so of that which who is are was were be been being am than".split()
)
# Part of a corpus' fingerprint: raise it when other phrases are found in the same texts.
_MINING = 2
_SENTENCE_END = re.compile(r"[.!?;:|]+(?=\s|$)|\|")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A sample of distinct texts: their MD5 and words; `known` texts there are in all."""

    md5s: tuple[bytes, ...]
    words: tuple[str, ...]
    known: int
    fingerprint: str


def read_corpus(engine: Engine, category: str | None) -> Corpus:
    """The sample of texts to mine, of one category or of all."""
    whole = select(func.count(Instruction.md5.distinct()), func.max(Instruction.id))
    texts = select(Instruction.md5, func.substr(Instruction.text, 1, TEXT_MINED_CHARS)).order_by(
        Instruction.md5, Instruction.id
    )
    if category is not None:
        whole = whole.where(Instruction.category == category)
        texts = texts.where(Instruction.category == category)
    with engine.connect() as connection:
        known, newest = connection.execute(whole).one()
        found: dict[bytes, str] = {}
        for md5, text in connection.execute(texts.limit(TEXTS_MINED)):
            found.setdefault(bytes(md5), text)
    words = tuple(words_of(text) for text in found.values())
    return Corpus(tuple(found), words, known, f"{_MINING}:{known}-{newest or 0}")


def words_of(text: str) -> str:
    """The words of a text, normalised, one space between and around, "|" after a sentence."""
    marked = _SENTENCE_END.sub(f" {_END} ", normalise(text))
    return f" {' '.join(_WORD.findall(marked))} "


def contains(words: str, phrase: str) -> bool:
    """True when the phrase stands in a text's words."""
    return f" {phrase} " in words


def repeated_phrases(engine: Engine, category: str | None, corpus: Corpus) -> tuple[str, ...]:
    """The phrases of a corpus: those stored if no text came since, else mined and stored."""
    place = category or ""
    query = select(StoredPattern.phrase).where(
        StoredPattern.category == place, StoredPattern.corpus == corpus.fingerprint
    )
    with engine.connect() as connection:
        stored = connection.execute(query.order_by(StoredPattern.id)).scalars().all()
    if stored:
        return tuple(phrase for phrase in stored if phrase)
    phrases = mine(corpus.words)
    _store(engine, place, corpus.fingerprint, phrases)
    return phrases


def mine(texts: Sequence[str]) -> tuple[str, ...]:
    """Phrases of 2 to 12 words that repeat over texts, widest coverage first, at most 200.

    Args:
        texts: from `words_of`, each distinct text once.
    Only maximal phrases: one inside a longer phrase with nearly the same texts is left out, as is
    one of stop words only. Function words at an open end are cut off.
    Source: level by level as in R. Agrawal and R. Srikant, Fast algorithms for mining association
        rules, VLDB 1994: a phrase can repeat only if both phrases one word shorter do.
    """
    least = max(TEXTS_MIN, math.ceil(SHARE_MIN * len(texts)))
    most = max(least, SHARE_MAX * len(texts))
    split = [text.split() for text in texts]
    kept: dict[tuple[str, ...], int] = {}
    known = _frequent(split, 1, None, least)
    for length in range(WORDS_MIN, WORDS_MAX + 1):
        known = _frequent(split, length, known, least)
        if not known:
            break
        kept.update(known)
    maximal = _closed(_maximal(kept), kept)
    telling = [
        (phrase, texts_with)
        for phrase, texts_with in maximal.items()
        if texts_with <= most and _says_something(phrase)
    ]
    telling.sort(key=lambda item: (-item[1] * math.sqrt(len(item[0]) - 1), item[0]))
    return tuple(" ".join(phrase) for phrase, _ in telling[:PHRASES_KEPT])


def _frequent(
    texts: Sequence[list[str]],
    length: int,
    shorter: dict[tuple[str, ...], int] | None,
    least: int,
) -> dict[tuple[str, ...], int]:
    """Phrases of `length` words in at least `least` texts, and in how many."""
    counts: Counter[tuple[str, ...]] = Counter()
    for words in texts:
        seen = set()
        for start in range(len(words) - length + 1):
            phrase = tuple(words[start : start + length])
            if shorter is None:
                if phrase != (_END,):
                    seen.add(phrase)
            elif phrase[1:] in shorter and phrase[:-1] in shorter:
                seen.add(phrase)
        counts.update(seen)
    return {phrase: count for phrase, count in counts.items() if count >= least}


def _maximal(phrases: dict[tuple[str, ...], int]) -> dict[tuple[str, ...], int]:
    swallowed = set()
    for phrase, count in phrases.items():
        for inner in (phrase[1:], phrase[:-1]):
            if inner in phrases and count >= _SWALLOWED * phrases[inner]:
                swallowed.add(inner)
    return {phrase: count for phrase, count in phrases.items() if phrase not in swallowed}


def _closed(
    maximal: dict[tuple[str, ...], int], counts: dict[tuple[str, ...], int]
) -> dict[tuple[str, ...], int]:
    """The phrases without function words at an open end; of those left with one word, none.

    What is left is part of a frequent phrase and so frequent itself: its texts are in `counts`.
    """
    closed: dict[tuple[str, ...], int] = {}
    for phrase in maximal:
        start, end = 0, len(phrase)
        while end > start and phrase[end - 1] in _OPEN_END:
            end -= 1
        while start < end and phrase[start] in _OPEN_START:
            start += 1
        if end - start >= WORDS_MIN:
            closed[phrase[start:end]] = counts[phrase[start:end]]
    return closed


def _says_something(phrase: tuple[str, ...]) -> bool:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # takes a second to load

    content = sum(
        word not in ENGLISH_STOP_WORDS and len(word) > 1 and not word.isdigit() for word in phrase
    )
    return content >= (2 if len(phrase) == WORDS_MIN else 1)


def _store(engine: Engine, place: str, fingerprint: str, phrases: tuple[str, ...]) -> None:
    now = datetime.now(UTC)
    # An empty phrase stands for "mined, nothing found".
    rows = [
        {"category": place, "phrase": phrase[:500], "corpus": fingerprint, "mined_at": now}
        for phrase in phrases or ("",)
    ]
    try:
        with engine.begin() as connection:
            connection.execute(delete(StoredPattern).where(StoredPattern.category == place))
            connection.execute(insert_new(connection, StoredPattern), rows)
    except SQLAlchemyError as exc:
        # A database that is read-only or busy: mining again next time is only slower.
        log.warning(
            "phrases_not_stored", "the phrases found could not be stored: %s", in_short(exc)
        )
