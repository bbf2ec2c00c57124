"""The known instructions nearest to a text, from the texts alone: outcomes do not enter."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from cache_core.learning.models import Instruction
from cache_core.learning.texts import excerpt, normalise, text_md5

TEXTS_COMPARED = 3_000
TEXT_COMPARED_CHARS = 3_000
NEIGHBOURS = 8
SIMILARITY_MIN = 0.15
_FEATURES_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Near:
    """A known text: its MD5 (hexadecimal), how it begins, one category of it, cosine 0 to 1."""

    md5: str
    text: str
    category: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Nearest known texts to one text, nearest first; the text itself is not among them.

    `category` is that of the text itself, None when it is not known; the first of several.
    """

    md5: str
    category: str | None
    texts_known: int
    texts_compared: int
    near: tuple[Near, ...]


def neighbourhood(engine: Engine, text: str) -> Neighbourhood:
    """Compare a text to at most 3,000 known ones, chosen by hash, by their first 3,000 characters.

    Cosine of TF-IDF vectors over words and word pairs.
    Source: G. Salton and C. Buckley, Term-weighting approaches in automatic text retrieval,
        Information Processing and Management 24(5), 1988, 513-523.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # takes a second to load

    wanted = text_md5(text)
    query = (
        select(
            Instruction.md5,
            func.substr(Instruction.text, 1, TEXT_COMPARED_CHARS),
            Instruction.category,
        )
        .where(Instruction.md5 != wanted)
        .order_by(Instruction.md5, Instruction.id)
        .limit(TEXTS_COMPARED)
    )
    own = select(Instruction.category).where(Instruction.md5 == wanted).order_by(Instruction.id)
    with engine.connect() as connection:
        known = connection.execute(select(func.count(Instruction.md5.distinct()))).scalar_one()
        category = connection.execute(own.limit(1)).scalar()
        rows = {bytes(md5): (shown, place) for md5, shown, place in connection.execute(query)}
    near: list[Near] = []
    texts = [normalise(shown) for shown, _ in rows.values()]
    if any(any(mark.isalnum() for mark in shown) for shown in texts):
        vectorizer = TfidfVectorizer(
            ngram_range=(1, 2),
            sublinear_tf=True,
            max_features=_FEATURES_MAX,
            token_pattern=r"\w+",  # noqa: S106 - not a secret
        )
        vectors = vectorizer.fit_transform(texts)
        asked = vectorizer.transform([normalise(text[:TEXT_COMPARED_CHARS])])
        cosines = (vectors @ asked.T).toarray().ravel()
        keys = list(rows)
        for place in cosines.argsort()[::-1][:NEIGHBOURS]:
            similarity = float(cosines[place])
            if similarity < SIMILARITY_MIN:
                break
            shown, its_category = rows[keys[place]]
            near.append(Near(keys[place].hex(), excerpt(shown, 200), its_category, similarity))
    return Neighbourhood(wanted.hex(), category, known, len(rows), tuple(near))
