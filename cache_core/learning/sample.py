"""Made-up outcomes for a first look: always the same for one date, and always labelled.

The users are called "sample-…" and the source is of kind SAMPLE; importing the first real file
removes it all. There is something to find: some users improve and some do not, categories differ,
and some phrasings go better than others.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import Engine

from cache_core.database import to_microseconds
from cache_core.learning.rows import GoodRow
from cache_core.learning.sources import SAMPLE, SAMPLE_LABEL, is_empty
from cache_core.learning.texts import text_md5
from cache_core.learning.writer import RowWriter

_WEEKS = 26
_ROWS = 4_200
_SEED = 20_240_229

# Name, log-odds at the start, change over all the weeks, share of the rows.
_USERS = (
    ("sample-ada", -0.4, 1.8, 5),
    ("sample-boris", 0.5, 0.1, 4),
    ("sample-chen", -0.2, 1.0, 4),
    ("sample-dalia", 0.9, -0.6, 3),
    ("sample-emeka", -0.8, 0.3, 3),
    ("sample-freya", 0.2, 0.7, 2),
    ("sample-goran", 0.0, 0.0, 2),
    ("sample-hana", 0.6, 0.9, 1),
)
# Category, log-odds, things asked for.
_CATEGORIES: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    (
        "code",
        -0.3,
        (
            "write a Python function that parses dates in several formats",
            "find the bug in this sorting routine",
            "add unit tests for the payment module",
            "turn this loop into a database query",
            "explain what this regular expression matches",
            "rename the variables so that the intent is clear",
        ),
    ),
    (
        "writing",
        0.5,
        (
            "summarise the meeting notes for the whole team",
            "draft a reply to an unhappy customer",
            "shorten this product description to fifty words",
            "write release notes from the list of changes",
            "correct the grammar and keep the tone",
            "propose five titles for the quarterly report",
        ),
    ),
    (
        "data",
        -0.1,
        (
            "group the orders by month and show the growth",
            "find rows that look like duplicates",
            "draw a chart of weekly sign-ups",
            "check the table for missing values",
            "join the customer list with the invoices",
            "estimate how sales depend on the weekday",
        ),
    ),
    (
        "research",
        -0.7,
        (
            "compare three suppliers of industrial sensors",
            "list recent papers about battery ageing",
            "collect arguments for and against remote work",
            "find the legal notice period in this contract",
            "outline the history of container shipping",
            "explain how heat pumps work to a beginner",
        ),
    ),
)
# Phrase put around the task, change of the log-odds, how often it is used.
_PHRASINGS: tuple[tuple[str, float, int], ...] = (
    ("Please {task}.", 0.0, 6),
    ("Think step by step and {task}.", 0.8, 4),
    ("{task}. Answer in a table with one row per item.", 0.5, 3),
    ("Act as an expert in the field and {task}.", 0.1, 4),
    ("{task} as soon as possible.", -0.6, 3),
    ("{task}. Give an example of the expected output first.", 0.9, 2),
    ("{task}, and do whatever else seems useful.", -0.9, 2),
)


def sample_rows(now: datetime) -> Iterator[GoodRow]:
    """A few thousand outcomes over the 26 weeks before `now` (aware), oldest first."""
    chance = random.Random(_SEED)
    end_us = to_microseconds(now)
    span_us = timedelta(weeks=_WEEKS) // timedelta(microseconds=1)
    for number, share in enumerate(sorted(chance.random() for _ in range(_ROWS))):
        name, start, gain, _ = chance.choices(_USERS, [user[3] for user in _USERS])[0]
        category, ease, tasks = chance.choices(_CATEGORIES, [4, 4, 3, 2])[0]
        phrasing, lift, _ = chance.choices(_PHRASINGS, [item[2] for item in _PHRASINGS])[0]
        task = chance.choices(tasks, range(len(tasks), 0, -1))[0]
        text = phrasing.format(task=task)
        text = text[0].upper() + text[1:]
        log_odds = start + gain * share + ease + lift + chance.gauss(0, 0.3)
        score = 1.0 if chance.random() < 1 / (1 + math.exp(-log_odds)) else 0.0
        yield GoodRow(
            user=name,
            md5=text_md5(text),
            category=category,
            text=text,
            score=score,
            at_us=end_us - span_us + int(share * span_us),
            row_key=blake2b(f"sample {number}".encode(), digest_size=16).digest(),
        )


def ensure_sample(engine: Engine, now: datetime) -> int:
    """Put the sample data into an empty database. Returns how many outcomes were added."""
    if not is_empty(engine):
        return 0
    return RowWriter(engine, SAMPLE, SAMPLE_LABEL, now).write(list(sample_rows(now)))
