"""What the cache saved by the hour, day or week, of namespaces or of one group of their keys: from
the archive, and from the store where it is not archived yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select

from cache_core.stores.base import Store, StoreError
from cache_core.telemetry.archive_rows import added_up, read_parts
from cache_core.telemetry.history_tables import HistoryHour, HistorySaved
from cache_core.telemetry.joining import Held, held_hours, join
from cache_core.telemetry.lateness import KEEP_HOURS_S
from cache_core.telemetry.periods import HOUR_S, clock_of
from cache_core.telemetry.saved_rows import KeepsGroup, Row, saved_rows


@dataclass(frozen=True, slots=True)
class Span:
    """Hours from `first` on (Unix time divided by 3600), in steps of so many hours."""

    first: int
    hours: int
    step_hours: int

    @property
    def steps(self) -> int:
        """How many steps it has; the last may be short."""
        return -(-self.hours // self.step_hours)

    @property
    def end(self) -> int:
        """The hour after its last."""
        return self.first + self.hours

    @property
    def before(self) -> Span:
        """The same number of hours before it, in one step."""
        return Span(self.first - self.hours, self.hours, self.hours)


@dataclass(frozen=True, slots=True)
class Saved:
    """What the cache did: `misses` of the `lookups` were not served; the others saved `saved_us`
    (microseconds), of which `named_us` are those of groups that are kept."""

    lookups: int = 0
    misses: int = 0
    saved_us: int = 0
    named_us: int = 0

    def __add__(self, other: Saved) -> Saved:
        return Saved(
            self.lookups + other.lookups,
            self.misses + other.misses,
            self.saved_us + other.saved_us,
            self.named_us + other.named_us,
        )

    @property
    def saved_s(self) -> float:
        """Seconds saved."""
        return self.saved_us / 1_000_000

    @property
    def hit_rate(self) -> float | None:
        """Share of lookups served from the cache, 0 to 1; None without lookups."""
        return 1 - self.misses / self.lookups if self.lookups else None

    @property
    def named_share(self) -> float | None:
        """Share of the time saved whose group is known, 0 to 1; None where none was saved."""
        return self.named_us / self.saved_us if self.saved_us else None


@dataclass(frozen=True)
class SavedSpan:
    """What the cache saved in a span, of one group or of all reads.

    `steps`: of each step by namespace. `hours_known`: of each step how many hours somebody counted
    in, of whatever namespace. `whole`: of all reads of the namespaces, whatever their group.
    `groups_from`: the first hour of which groups are kept, None if there is none.
    `store_problem`: why hours that are not archived yet could not be read, if so.
    """

    span: Span
    steps: tuple[Mapping[str, Saved], ...]
    hours_known: tuple[int, ...]
    whole: Saved
    groups_from: int | None
    store_problem: StoreError | None = None

    def step(self, at: int, namespace: str | None = None) -> Saved:
        """Of one step, all namespaces together or one."""
        found = self.steps[at]
        return _sum(found.values()) if namespace is None else found.get(namespace, Saved())

    def by_namespace(self) -> dict[str, Saved]:
        """All steps together, those that saved most first."""
        totals: dict[str, Saved] = {}
        for step in self.steps:
            for namespace, saved in step.items():
                totals[namespace] = totals.get(namespace, Saved()) + saved
        return dict(sorted(totals.items(), key=lambda item: (-item[1].saved_us, item[0])))

    def total(self, namespace: str | None = None) -> Saved:
        """All steps together, all namespaces or one."""
        return _sum(self.step(at, namespace) for at in range(len(self.steps)))


@dataclass(slots=True)
class _Sums:
    """What is being added up: by step and namespace, and of all reads."""

    span: Span
    name: str
    steps: list[dict[str, Saved]] = field(init=False)
    whole: Saved = field(default_factory=Saved)

    def __post_init__(self) -> None:
        self.steps = [{} for _ in range(self.span.steps)]

    def add(self, at: int, namespace: str, name: str, saved: Saved) -> None:
        if name == "":
            self.whole += saved
        if name == self.name:
            step = self.steps[at]
            step[namespace] = step.get(namespace, Saved()) + saved


class SavedReader:
    """Reads what was saved. Safe between threads. Nothing of it is kept: spans are many."""

    def __init__(
        self, store: Store, keeps_group: KeepsGroup, clock: Callable[[], float] | None = None
    ) -> None:
        """`keeps_group`: as of Archive. `clock`: Unix time; by default the store's."""
        self._store = store
        self._keeps_group = keeps_group
        self._clock = clock or clock_of(store)

    def read(
        self, engine: Engine, span: Span, namespaces: Collection[str], group: str | None = None
    ) -> SavedSpan:
        """What was saved of these namespaces, in all or in one group of their keys.

        Costs one command for each hour that is not archived yet. Raises: SQLAlchemyError. A store
        that does not answer is said in `store_problem`.
        """
        now_s = self._clock()
        sums = _Sums(span, group or "")
        with engine.connect() as connection:
            waiting = self._not_archived(connection, span, now_s)
            _add_archived(connection, sums, namespaces, waiting)
            known = _hours_known(connection, span)
            groups_from = _groups_from(connection)
            parts = read_parts(connection, waiting) if waiting else {}
        held, problem = held_hours(self._store, waiting)
        for hour in waiting:
            there = held.get(hour, Held())
            ours = {name: by for name, by in parts.get(hour, {}).items() if by is not None}
            rows = saved_rows(hour, join(ours, there.parts), self._keeps_group)
            for row in rows:
                if row["namespace"] in namespaces:
                    at = (hour - span.first) // span.step_hours
                    sums.add(at, str(row["namespace"]), str(row["name"]), _saved_of(row))
            if there.replicas:
                known.add(hour)
            if any(row["name"] for row in rows):
                groups_from = min(groups_from or hour, hour)
        in_step = [0] * span.steps
        for hour in known:
            in_step[(hour - span.first) // span.step_hours] += 1
        return SavedSpan(span, tuple(sums.steps), tuple(in_step), sums.whole, groups_from, problem)

    def _not_archived(self, connection: Connection, span: Span, now_s: float) -> list[int]:
        """Hours of the span that the store may know more of than the archive."""
        oldest = int(now_s - KEEP_HOURS_S) // HOUR_S + 1
        wanted = range(max(span.first, oldest), min(span.end, int(now_s) // HOUR_S + 1))
        if not wanted:
            return []
        query = added_up().where(HistorySaved.hour.between(wanted[0], wanted[-1]))
        done = set(connection.execute(query).scalars())
        return [hour for hour in wanted if hour not in done]


def _add_archived(
    connection: Connection, sums: _Sums, namespaces: Collection[str], waiting: Sequence[int]
) -> None:
    span = sums.span
    step: ColumnElement[int] = (HistorySaved.hour - span.first) // span.step_hours
    columns = [
        func.sum(column)
        for column in (
            HistorySaved.lookups,
            HistorySaved.misses,
            HistorySaved.saved_us,
            HistorySaved.named_us,
        )
    ]
    query = (
        select(step, HistorySaved.namespace, HistorySaved.name, *columns)
        .where(
            HistorySaved.hour.between(span.first, span.end - 1),
            HistorySaved.name.in_({"", sums.name}),
            HistorySaved.namespace.in_(namespaces),
            HistorySaved.hour.not_in(waiting),
        )
        .group_by(step, HistorySaved.namespace, HistorySaved.name)
    )
    for at, namespace, name, *numbers in connection.execute(query).all():
        sums.add(at, namespace, name, Saved(*map(int, numbers)))


def _hours_known(connection: Connection, span: Span) -> set[int]:
    query = select(HistoryHour.hour).where(
        HistoryHour.hour.between(span.first, span.end - 1),
        or_(HistoryHour.watched, HistoryHour.replicas > 0),
    )
    return set(connection.execute(query).scalars())


def _groups_from(connection: Connection) -> int | None:
    query = select(HistorySaved.hour).where(HistorySaved.name != "")
    return connection.execute(query.order_by(HistorySaved.hour).limit(1)).scalar()


def _saved_of(row: Row) -> Saved:
    numbers = (row[name] for name in ("lookups", "misses", "saved_us", "named_us"))
    return Saved(*map(int, numbers))


def _sum(many: Iterable[Saved]) -> Saved:
    return sum(many, Saved())
