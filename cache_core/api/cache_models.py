"""What the routes of the cache take and give. Shares are 0 to 1, durations milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from cache_core.api.models import Given, Told
from cache_core.insight.ratings import Rating, rate
from cache_core.operations import ClearReport, Job, WarmReport
from cache_core.operations.jobs import State
from cache_core.operations.warming import CONCURRENCY_MAX
from cache_core.telemetry import MISS_CAUSES, Counts, Figures
from cache_core.thresholds import Thresholds

Namespace = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Store(BaseModel):
    """Which store it is, by an address without password, and how fast it answered a ping."""

    kind: str
    address: str
    latency_ms: float | None


class Health(BaseModel):
    """Whether the store answers. Strangers are told `status` alone, the rest is null to them."""

    status: Literal["ok", "degraded", "misconfigured"]
    store: Store | None = None
    caching: bool | None = None
    problem: str | None = None
    pending_invalidations: int | None = None


class Percentiles(BaseModel):
    """Median and 95th percentile, milliseconds; null if nothing was timed."""

    p50_ms: float | None
    p95_ms: float | None


class NamespaceFigures(BaseModel):
    """Reads of one namespace, or of all, in the window.

    `misses` by cause; `lookups` are reads that did not go past the cache (`bypass`). `hit_rate` and
    `error_rate` are null where there was nothing to take a share of.
    """

    lookups: int
    hits: int
    stale: int
    misses: dict[str, int]
    bypass: int
    errors: int
    hit_rate: float | None
    error_rate: float | None
    saved_s: float
    hit_time: Percentiles
    source_time: Percentiles
    store_time: Percentiles
    rating: Rating
    weakest: str

    @classmethod
    def of(cls, counts: Counts, thresholds: Thresholds) -> NamespaceFigures:
        """The figures that pages show of these counts."""
        rated = rate(counts, thresholds)
        return cls(
            lookups=counts.lookups,
            hits=counts.number("hit"),
            stale=counts.number("stale"),
            misses={cause: counts.number(f"miss.{cause}") for cause in MISS_CAUSES},
            bypass=counts.number("bypass"),
            errors=counts.number("error"),
            hit_rate=counts.hit_rate,
            error_rate=counts.error_rate,
            saved_s=round(counts.saved_s, 3),
            hit_time=_percentiles(counts, "hit"),
            source_time=_percentiles(counts, "source"),
            store_time=_percentiles(counts, "store"),
            rating=rated.rating,
            weakest=rated.weakest,
        )


class CacheMetrics(BaseModel):
    """What all replicas counted in the window. `data_to`: the last word of any, null if none."""

    window: str
    begin: datetime
    end: datetime
    data_to: datetime | None
    replicas: int
    overall: NamespaceFigures
    namespaces: dict[str, NamespaceFigures]

    @classmethod
    def of(
        cls, figures: Figures, overall: Counts, namespaces: dict[str, Counts], rated_by: Thresholds
    ) -> CacheMetrics:
        """These counts of a window."""
        return cls(
            window=figures.window.name,
            begin=_time(figures.begin_s),
            end=_time(figures.end_s),
            data_to=None if figures.data_to_s is None else _time(figures.data_to_s),
            replicas=figures.replicas,
            overall=NamespaceFigures.of(overall, rated_by),
            namespaces={
                name: NamespaceFigures.of(counts, rated_by) for name, counts in namespaces.items()
            },
        )


def _whole(given: object) -> object:
    """JSON knows one kind of number: 2.0 is a whole one."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


class WarmRequest(Given):
    """Compute what is likely to be asked for; `dry_run`: only say how much that is."""

    namespace: Namespace
    concurrency: Annotated[int, Field(ge=1, le=CONCURRENCY_MAX), BeforeValidator(_whole)] = 2
    dry_run: bool = False


class WarmPreview(BaseModel):
    """How many calls a warm would look at; those that are fresh it would skip."""

    namespace: str
    planned: int


class ClearRequest(Given):
    """Clear a whole namespace, all entries that carry a tag, or one entry: name one of the three.

    A namespace is cleared if `confirm` repeats its name; `dry_run` only counts its entries;
    `then_warm` warms it afterwards.
    """

    namespace: Namespace | None = None
    tag: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    key: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    confirm: Annotated[str, Field(max_length=64)] | None = None
    dry_run: bool = False
    then_warm: bool = False

    @model_validator(mode="after")
    def _one_of_three(self) -> ClearRequest:
        named = [one for one in (self.namespace, self.tag, self.key) if one is not None]
        if len(named) != 1:
            raise ValueError("name one of namespace, tag and key")
        if self.namespace is None and (self.dry_run or self.then_warm or self.confirm is not None):
            raise ValueError("confirm, dry_run and then_warm are for a namespace")
        if self.namespace is not None and not self.dry_run and self.confirm != self.namespace:
            raise ValueError("confirm must repeat the name of the namespace")
        return self


class ClearPreview(Told):
    """Entries a clear would remove; `is_partial` when there are more than were counted."""

    namespace: str
    entries: int
    is_partial: bool


class Cleared(BaseModel):
    """What was cleared at once: `tag` as the audit names it, or `key` and whether it was there."""

    tag: str | None = None
    key: str | None = None
    was_there: bool | None = None


class JobResult(BaseModel):
    """What a job did: entries `removed` by a clear; those a warm computed, found fresh, failed."""

    removed: int | None = None
    computed: int | None = None
    fresh: int | None = None
    failed: int | None = None
    stopped: bool


class JobState(BaseModel):
    """A clear or a warm: `done` of `total` steps (null: not known), `result` when it has ended.

    Jobs are of one replica, which forgets all but the last of each verb and namespace.
    """

    verb: str
    namespace: str
    state: State
    is_stopping: bool
    done: int
    total: int | None
    began: datetime
    ended: datetime | None
    result: JobResult | None
    problem: str | None

    @classmethod
    def of(cls, job: Job) -> JobState:
        """A job as it is now."""
        verb, _, namespace = job.name.partition(" ")
        return cls(
            verb=verb,
            namespace=namespace,
            state=job.state,
            is_stopping=job.is_stopping,
            done=job.done,
            total=job.total,
            began=_time(job.began_s),
            ended=None if job.ended_s is None else _time(job.ended_s),
            result=_result(job.result),
            problem=job.problem,
        )


class JobList(BaseModel):
    """The jobs of this replica, newest first."""

    jobs: list[JobState]


def _result(found: object) -> JobResult | None:
    match found:
        case ClearReport():
            return JobResult(removed=found.removed, stopped=found.stopped)
        case WarmReport():
            return JobResult(
                computed=found.computed,
                fresh=found.fresh,
                failed=found.failed,
                stopped=found.stopped,
            )
    return None


def _percentiles(counts: Counts, name: str) -> Percentiles:
    median_s, p95_s = (counts.quantile_s(name, share) for share in (0.5, 0.95))
    return Percentiles(p50_ms=_ms(median_s), p95_ms=_ms(p95_s))


def _ms(duration_s: float | None) -> float | None:
    return None if duration_s is None else round(duration_s * 1000, 3)


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
