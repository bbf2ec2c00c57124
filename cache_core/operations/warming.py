"""Warming: computing what will be asked for before anybody waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from cache_core.cached import CachedFunction
from cache_core.learning.views import LearningViews
from cache_core.logs import in_short, log
from cache_core.operations.access import Actor, require_operator
from cache_core.operations.audit import AuditLog, Deed
from cache_core.operations.claims import Claim, claimed
from cache_core.stores.base import CacheCoreError

CONCURRENCY_MAX = 8

Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class WarmPlan:
    """What a warm would compute: the calls of one cached function, by argument tuples."""

    function: CachedFunction[..., Any]
    arguments: Sequence[tuple[Any, ...]]

    @property
    def namespace(self) -> str:
        """Namespace of the function."""
        return self.function.namespace

    def about_s(self, source_s: float, concurrency: int) -> float:
        """How long it takes if nothing is fresh and a source takes `source_s`, seconds."""
        return source_s * -(-len(self.arguments) // concurrency)

    def fresh(self) -> int:
        """How many of the calls are fresh now: one round trip, nothing is computed."""
        reads = self.function.fetch_ahead(self.arguments, lambda number: False)
        return sum(read is not None and read.outcome == "hit" for read in reads)


def plans_by_namespace(plans: Sequence[WarmPlan]) -> dict[str, WarmPlan]:
    """Plans of one cache, those of a namespace joined. Raises ValueError for two caches."""
    found: dict[str, WarmPlan] = {}
    for plan in plans:
        there = found.get(plan.namespace)
        if there is None:
            found[plan.namespace] = plan
            continue
        if there.function.store is not plan.function.store:
            raise ValueError(f"two plans for {plan.namespace} are of two caches: give those of one")
        arguments = [*there.arguments, *plan.arguments]
        found[plan.namespace] = WarmPlan(plan.function, arguments)
    return found


def warm_plans(views: LearningViews) -> dict[str, WarmPlan]:
    """What of the learning system can be warmed, by namespace. Raises SQLAlchemyError."""
    return {
        namespace: WarmPlan(function, arguments)
        for namespace, (function, arguments) in views.warm_plan().items()
    }


@dataclass(frozen=True, slots=True)
class WarmReport:
    """What a warm did: computed anew, found fresh, failed (with the first reason)."""

    namespace: str
    computed: int
    fresh: int
    failed: int
    stopped: bool
    first_error: str | None = None


def warm(
    plan: WarmPlan,
    actor: Actor,
    audit: AuditLog,
    *,
    concurrency: int = 2,
    progress: Progress = lambda done, total: None,
    should_stop: ShouldStop = lambda: False,
) -> WarmReport:
    """Compute every call of the plan that is not fresh; one replica at a time warms a namespace.

    Args:
        concurrency: sources that run at the same time, 1 to CONCURRENCY_MAX.
        progress: told (done, total) on the caller's thread.
        should_stop: asked before each further call; those under way are finished.
    Raises: NotAllowedError for a viewer; ValueError if the concurrency is out of range; TakenError,
        which says by whom, if the namespace is being warmed already.
    """
    if not 1 <= concurrency <= CONCURRENCY_MAX:
        raise ValueError(f"concurrency is 1 to {CONCURRENCY_MAX}, not {concurrency}")
    with audit.deed(actor, "warm", plan.namespace, f"{len(plan.arguments):,} planned") as deed:
        require_operator(actor, f"Warming {plan.namespace}")
        with claimed(plan.function.store, "warming", plan.namespace, actor.name) as claim:
            report = _warm(plan, concurrency, progress, should_stop, claim)
        _tell(deed, report)
    log.audit(
        "warmed",
        "%s warmed %s: %d computed, %d fresh, %d failed",
        actor.name,
        plan.namespace,
        report.computed,
        report.fresh,
        report.failed,
        namespace=plan.namespace,
        actor=actor.name,
    )
    return report


def _tell(deed: Deed, report: WarmReport) -> None:
    deed.stopped = report.stopped
    deed.after = f"{report.computed:,} computed, {report.fresh:,} were fresh"
    if report.failed:
        deed.after += f", {report.failed:,} failed"


def _warm(
    plan: WarmPlan,
    concurrency: int,
    progress: Progress,
    should_stop: ShouldStop,
    claim: Claim,
) -> WarmReport:
    waiting = list(reversed(plan.arguments))
    running: set[Future[bool]] = set()
    computed = fresh = failed = 0
    first_error: str | None = None
    stopped = False
    with ThreadPoolExecutor(concurrency, thread_name_prefix="cache-warm") as pool:
        while waiting or running:
            stopped = stopped or should_stop()
            if stopped:
                waiting.clear()
            while waiting and len(running) < concurrency:
                running.add(pool.submit(plan.function.warm, *waiting.pop()))
            done, running = wait(running, claim.every_s, return_when=FIRST_COMPLETED)
            claim.renew()
            for future in done:
                if (error := future.exception()) is not None:
                    failed += 1
                    first_error = first_error or _in_words(error)
                elif future.result():
                    computed += 1
                else:
                    fresh += 1
            progress(computed + fresh + failed, len(plan.arguments))
    return WarmReport(plan.namespace, computed, fresh, failed, stopped, first_error)


def _in_words(error: BaseException) -> str:
    """Our own errors are sentences; what others say may tell of the data they failed at."""
    return str(error) if isinstance(error, CacheCoreError) else in_short(error)
