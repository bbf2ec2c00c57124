"""What replicas logged of namespaces' reads, read back from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cache_core.insight.change_rate import Check
from cache_core.insight.check_sample import CheckContent, pooled
from cache_core.insight.read_log_bytes import DAY_S, decode, log_key
from cache_core.insight.ttl_log import LogContent, together
from cache_core.insight.ttl_terms import BUDGET, Observed
from cache_core.policy import Policy
from cache_core.stores.base import Store

ROWS_LOOKED_AT = 20_000
"""Of a window: what a page can wait for. Of more, fewer keys are looked at."""


@dataclass(frozen=True, slots=True)
class Logged:
    """Of one namespace. `logs`: of the window before and of the present one, as far as there are
    any. `until_s`: Unix time they go to. `size_bytes`: of the fields; `unreadable`: fields that
    were left out.
    """

    logs: tuple[LogContent, ...]
    checks: CheckContent
    until_s: float
    size_bytes: int
    unreadable: int

    def observed(
        self, policy: Policy, ttl_s: float, source_mean_s: float, budget: float = BUDGET
    ) -> Observed:
        """With what else advice is made from. `ttl_s`: as it is now; `budget`: share of reads."""
        low_s, high_s = policy.ttl_range_s
        rows = self.checks.rows
        pairs = zip(rows["age_s"].tolist(), rows["changed"].tolist(), strict=True)
        return Observed(
            logs=self.logs,
            until_s=self.until_s,
            checks=[Check(age_s, bool(changed)) for age_s, changed in pairs],
            check_keys=rows["key"].tolist(),
            recomputes=self.checks.recomputes,
            source_mean_s=source_mean_s,
            ttl_s=ttl_s,
            low_s=low_s,
            high_s=high_s,
            budget=budget,
        )


def read_logged(
    store: Store, namespaces: Sequence[str], now_s: float, window_s: float = DAY_S
) -> dict[str, Logged]:
    """What was logged of each namespace, in one round trip. Raises StoreError."""
    if not namespaces:
        return {}
    now = int(now_s // window_s)
    keys = [log_key(window, name) for name in namespaces for window in (now - 1, now)]
    hashes = iter(store.get_fields(keys))
    windows = [(now - 1) * window_s, now * window_s]
    return {
        name: _logged({begin_s: next(hashes) for begin_s in windows}, window_s, now_s)
        for name in namespaces
    }


def _logged(windows: Mapping[float, Mapping[str, bytes]], window_s: float, now_s: float) -> Logged:
    """`windows`: fields of each, by when it begins."""
    logs, samples, unreadable = [], [], 0
    for begin_s, fields in windows.items():
        contents, checks, bad = decode({name: raw for name, raw in fields.items() if raw})
        of_it = [c for c in contents if (c.plan.begin_s, c.plan.window_s) == (begin_s, window_s)]
        if of_it:
            logs.append(_thinned(together(of_it)))
        samples += checks
        unreadable += bad + len(contents) - len(of_it)
    size = sum(len(raw) for fields in windows.values() for raw in fields.values())
    return Logged(tuple(logs), pooled(samples), now_s, size, unreadable)


def _thinned(content: LogContent) -> LogContent:
    """The same log with a smaller share of the keys, if it has more rows than are looked at."""
    if content.logged <= ROWS_LOOKED_AT:
        return content
    share = content.plan.share * ROWS_LOOKED_AT / content.logged
    return together([replace(content, plan=replace(content.plan, share=share))])
