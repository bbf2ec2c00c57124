"""Names of what cached answers were computed from, and what an outcome or an import invalidates."""

from __future__ import annotations

import re

from cache_core.cache import Cache
from cache_core.keys import tag_digest
from cache_core.learning.record import Recorded
from cache_core.learning.report import ImportReport

_USER_GROUP = re.compile(r"user [0-9a-f]{8}")

EVERYBODY = "everybody"
EVERYTHING = "learning"
OUTCOMES = "outcomes"
TEXTS = "texts"
USERS = "users"
CATEGORIES = "categories"


def user_tag(user: str) -> str:
    """Tag of what depends on one user's outcomes."""
    return f"user:{user}"


def user_group(user: str) -> str:
    """What one user's reads are counted under: a digest, for figures are shown to everybody."""
    return f"user {tag_digest(user_tag(user)).hex()[:8]}"


def group_of(user: str | None) -> str:
    """What an answer for one user, or for all, is counted under."""
    return EVERYBODY if user is None else user_group(user)


def is_own_group(name: str) -> bool:
    """Whether reads counted under this name are a user's, or everybody's: only such are kept for
    long, and no text that another function of the store may name a group after."""
    return name == EVERYBODY or _USER_GROUP.fullmatch(name) is not None


def category_tag(category: str) -> str:
    """Tag of what depends on the outcomes in one category."""
    return f"category:{category}"


def instruction_tag(md5: str) -> str:
    """Tag of what depends on the outcomes of one text (MD5 in hexadecimal)."""
    return f"instruction:{md5}"


def touched_by(recorded: Recorded) -> list[str]:
    """Tags of exactly the entries that an outcome changes.

    Whoever stored it before may have died before they forgot anything, and what was new to them
    nobody knows any more: then all that can be touched.
    """
    tags = [
        OUTCOMES,
        user_tag(recorded.user),
        category_tag(recorded.category),
        instruction_tag(recorded.md5),
    ]
    if recorded.new_text or recorded.was_there:
        tags.append(TEXTS)
    if recorded.new_user or recorded.was_there:
        tags.append(USERS)
    if recorded.new_category or recorded.was_there:
        tags.append(CATEGORIES)
    return tags


def invalidate_after_import(cache: Cache, report: ImportReport) -> None:
    """Forget every answer of the learning system, if the import changed anything."""
    if report.changed_anything:
        cache.invalidate_tags([EVERYTHING])
