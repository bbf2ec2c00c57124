"""The cached functions of the learning system, and what an outcome or an import invalidates.

An entry carries the tags of what it was computed from: `user:…`, `category:…` and `instruction:…`
for outcomes, `outcomes` for all outcomes, `texts`, `users` and `categories` for what there is, and
`learning` for everything. What would mix one user's data with everybody's is kept apart and put
together on reading (`metrics_of`, `analyse`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Engine

from cache_core.cache import Cache
from cache_core.cached import CachedFunction
from cache_core.call import Read
from cache_core.learning import analysis as analysing
from cache_core.learning.analysis import Analysis, InstructionOutcomes, checked_text
from cache_core.learning.changes import changes_or_unknown, count_changes
from cache_core.learning.dashboard import DashboardStats, dashboard_stats
from cache_core.learning.feedback import cached_by_step
from cache_core.learning.intervals import Sums
from cache_core.learning.neighbours import Neighbourhood, neighbourhood
from cache_core.learning.patterns import Patterns, static_patterns
from cache_core.learning.people import (
    UserData,
    known_categories,
    known_users,
    most_active_users,
    user_data,
)
from cache_core.learning.progress import (
    LearningMetrics,
    OwnProgress,
    category_sums,
    compare,
    own_progress,
)
from cache_core.learning.record import Recorded, record_outcome
from cache_core.learning.report import ImportReport
from cache_core.learning.standings import Standings, standings
from cache_core.learning.tags import (
    CATEGORIES,
    EVERYTHING,
    OUTCOMES,
    TEXTS,
    USERS,
    category_tag,
    group_of,
    instruction_tag,
    invalidate_after_import,
    touched_by,
    user_group,
    user_tag,
)
from cache_core.learning.texts import text_md5
from cache_core.policy import CacheTTL

_WARM_USERS = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Composed(Generic[T]):
    """A value put together from several cached reads, with those reads and their namespaces."""

    value: T
    reads: tuple[Read[Any], ...]
    namespaces: tuple[str, ...]


class LearningViews:
    """The learning system's questions, each answered through the cache.

    Attributes are cached functions: call them, or `.read(...)` them to see how they were served.
        stats(user or None), standings(), user(name), users(), categories(), progress(user),
        category(name), patterns(category or None), near(text), outcomes(md5),
        by_step(user or None, first hour, hours, hours of a step).
    """

    stats: CachedFunction[[str | None], DashboardStats]
    standings: CachedFunction[[], Standings]
    by_step: CachedFunction[[str | None, int, int, int], list[Sums]]
    user: CachedFunction[[str], UserData]
    users: CachedFunction[[], list[str]]
    categories: CachedFunction[[], list[str]]
    progress: CachedFunction[[str], OwnProgress]
    category: CachedFunction[[str], Sums]
    patterns: CachedFunction[[str | None], Patterns]
    near: CachedFunction[[str], Neighbourhood]
    outcomes: CachedFunction[[str], InstructionOutcomes]

    def __init__(self, cache: Cache, engine: Engine) -> None:
        self._cache, self._engine = cache, engine
        self._changes_lock = threading.Lock()
        self._changes_seen = changes_or_unknown(engine)
        self._put_figures(cache, engine)
        self._put_lists(cache, engine)
        self._put_texts(cache, engine)

    def metrics_of(self, user: str) -> Composed[LearningMetrics]:
        """One user's learning metrics beside everybody else's."""
        own = self.progress.read(user)
        others = self.category.read_many([(name,) for name in own.value.categories])
        everybody = [read.value for read in others]
        namespaces = (self.progress.namespace, self.category.namespace)
        return Composed(compare(own.value, everybody), (own, *others), namespaces)

    def analyse(self, text: str, category: str | None = None) -> Composed[Analysis]:
        """What to expect of one instruction. Raises ValueError for unfit text.

        Args:
            category: whose texts to compare phrases in; by default the text's own (`category_of`).
        """
        near = self.near.read(checked_text(text))
        md5s = [near.value.md5, *(neighbour.md5 for neighbour in near.value.near)]
        outcomes = self.outcomes.read_many([(md5,) for md5 in md5s])
        patterns = self.patterns.read(category or analysing.category_of(near.value))
        value = analysing.analyse(
            text, near.value, [read.value for read in outcomes], patterns.value
        )
        asked = (self.near, self.outcomes, self.patterns)
        namespaces = tuple(function.namespace for function in asked)
        return Composed(value, (near, *outcomes, patterns), namespaces)

    @property
    def namespaces(self) -> list[str]:
        """Those of all cached functions here."""
        made = vars(self).values()
        return [one.namespace for one in made if isinstance(one, CachedFunction)]

    @property
    def of_users(self) -> list[str]:
        """Those whose reads are counted by user."""
        own = (self.stats, self.user, self.progress, self.by_step)
        return [function.namespace for function in own]

    def record_outcome(
        self,
        user: str,
        instruction: str,
        category: str,
        score: float,
        at: datetime | None = None,
        *,
        once: str | None = None,
    ) -> Recorded:
        """Store one outcome as `record_outcome` does, and forget what it touches: one round trip.

        Raises: ValueError saying what is wrong with the outcome."""
        recorded = record_outcome(self._engine, user, instruction, category, score, at, once=once)
        self._cache.invalidate_tags(touched_by(recorded))
        return recorded

    def after_import(self, report: ImportReport) -> None:
        """Forget everything an import may have changed."""
        if not report.changed_anything:
            return
        with self._changes_lock:
            # Read before invalidating: what changes after this is noticed later.
            seen = changes_or_unknown(self._engine)
            invalidate_after_import(self._cache, report)
            self._changes_seen = seen

    def notice_changes(self) -> bool:
        """Forget everything, once, if an import elsewhere changed the data. One row is read.

        An import by another process may not reach this process's store: memory is nobody else's,
        and a command line may be set up otherwise. Returns whether anything was forgotten.
        Raises: SQLAlchemyError when the database does not answer.
        """
        with self._changes_lock:
            number = count_changes(self._engine)
            if number == self._changes_seen:
                return False
            self._cache.invalidate_tags([EVERYTHING])
            self._changes_seen = number
            return True

    def warm_plan(self) -> Mapping[str, tuple[CachedFunction[..., Any], Sequence[tuple[Any, ...]]]]:
        """By namespace, a cached function and the calls worth making ahead of anybody asking."""
        users = most_active_users(self._engine, _WARM_USERS)
        categories = known_categories(self._engine)
        active = [(user,) for user in users]
        plan: list[tuple[CachedFunction[..., Any], Sequence[tuple[Any, ...]]]] = [
            (self.stats, [(None,), *active]),
            (self.standings, [()]),
            (self.user, active),
            (self.progress, active),
            (self.category, [(category,) for category in categories]),
            (self.patterns, [(None,)]),
            (self.users, [()]),
            (self.categories, [()]),
        ]
        return {function.namespace: (function, calls) for function, calls in plan}

    def _put_figures(self, cache: Cache, engine: Engine) -> None:
        @cache.cached(
            "dashboard.stats",
            ttl_s=CacheTTL.DASHBOARD_STATS,
            tags=lambda user: [EVERYTHING, OUTCOMES if user is None else user_tag(user)],
            group=group_of,
        )
        def stats(user: str | None) -> DashboardStats:
            return dashboard_stats(engine, user)

        @cache.cached(
            "dashboard.standings",
            ttl_s=CacheTTL.DASHBOARD_STATS,
            tags=[EVERYTHING, OUTCOMES],
        )
        def everybody() -> Standings:
            return standings(engine)

        @cache.cached(
            "user.data",
            ttl_s=CacheTTL.USER_DATA,
            tags=lambda user: [EVERYTHING, user_tag(user)],
            group=user_group,
        )
        def data(user: str) -> UserData:
            return user_data(engine, user)

        @cache.cached(
            "learning.metrics",
            ttl_s=CacheTTL.LEARNING_METRICS,
            tags=lambda user: [EVERYTHING, user_tag(user)],
            group=user_group,
        )
        def progress(user: str) -> OwnProgress:
            return own_progress(engine, user)

        @cache.cached(
            "learning.category",
            ttl_s=CacheTTL.LEARNING_METRICS,
            tags=lambda category: [EVERYTHING, category_tag(category)],
            source_many=lambda calls: category_sums(engine, [category for (category,) in calls]),
        )
        def category(category: str) -> Sums:
            return category_sums(engine, [category])[0]

        self.stats, self.standings = stats, everybody
        self.by_step = cached_by_step(cache, engine)
        self.user, self.progress, self.category = data, progress, category

    def _put_lists(self, cache: Cache, engine: Engine) -> None:
        @cache.cached("learning.users", ttl_s=CacheTTL.USER_DATA, tags=[EVERYTHING, USERS])
        def users() -> list[str]:
            return known_users(engine)

        @cache.cached(
            "learning.categories", ttl_s=CacheTTL.USER_DATA, tags=[EVERYTHING, CATEGORIES]
        )
        def categories() -> list[str]:
            return known_categories(engine)

        self.users, self.categories = users, categories

    def _put_texts(self, cache: Cache, engine: Engine) -> None:
        @cache.cached(
            "learning.patterns",
            ttl_s=CacheTTL.STATIC_PATTERNS,
            tags=lambda category: [
                EVERYTHING,
                OUTCOMES if category is None else category_tag(category),
            ],
        )
        def patterns(category: str | None) -> Patterns:
            return static_patterns(engine, category)

        @cache.cached(
            "learning.analysis",
            ttl_s=CacheTTL.LEARNING_METRICS,
            tags=[EVERYTHING, TEXTS],
            # An entry for each text that is analysed, most of them once, some again and again, and
            # a source that takes long. Patterns are few keys that everybody reads; outcomes are
            # what people look for changes in, which other processes may make.
            keep_by_use=True,
            version=2,
            key=lambda text: text_md5(text).hex(),
        )
        def near(text: str) -> Neighbourhood:
            return neighbourhood(engine, text)

        @cache.cached(
            "learning.outcomes",
            ttl_s=CacheTTL.LEARNING_METRICS,
            tags=lambda md5: [EVERYTHING, instruction_tag(md5)],
            source_many=lambda calls: analysing.instruction_outcomes(
                engine, [md5 for (md5,) in calls]
            ),
        )
        def outcomes(md5: str) -> InstructionOutcomes:
            return analysing.instruction_outcomes(engine, [md5])[0]

        self.patterns, self.near, self.outcomes = patterns, near, outcomes
