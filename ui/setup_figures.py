"""How figures come about, on the Setup page: collection, cost, ratings, definitions."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from cache_core.insight.ratings import rule_of
from cache_core.telemetry import SharedRecorder
from cache_core.telemetry.cost import Cost
from cache_core.thresholds import Thresholds
from ui import words
from ui.app import App
from ui.definitions import DEFINITIONS, Definition, meaning


def draw_collection(app: App) -> None:
    """Whether the figures of this process reach the store, and what that costs."""
    recorder = app.recorder
    if recorder is None:
        st.info(
            "Nothing is counted while caching is off (`CACHE_ENABLED`).",
            icon=":material/toggle_off:",
        )
    else:
        _draw_collector(recorder)
    st.markdown(cost_in_words(cost_of(app, time.time()), is_local=app.cache.store.kind == "memory"))


def _draw_collector(recorder: SharedRecorder) -> None:
    last_s = recorder.last_flush_s
    with st.grid(3, min_column_width=140):
        st.metric(
            "Last hand-over",
            "never yet" if last_s is None else words.ago(max(time.time() - last_s, 0)),
            border=True,
            help=meaning("Last hand-over", "" if last_s is None else words.clock(last_s)),
        )
        st.metric(
            "Waiting",
            words.count(recorder.waiting_periods),
            border=True,
            help=meaning("Waiting", f"{words.plural(recorder.waiting_events, 'read')} beside."),
        )
        st.metric("Lost", words.count(recorder.lost_periods), border=True, help=meaning("Lost"))
    failed = recorder.failed_flushes
    text = (
        f"This process counts as replica `{recorder.replica}`. "
        f"{words.plural(failed, 'hand-over')} failed since it started. If the process is killed, "
        f"what it counted in the last {recorder.interval_s:g} s is lost."
    )
    if recorder.problem is not None:
        st.warning(
            f"**The last hand-over failed;** what is counted is kept here and handed over when "
            f"the store answers. {recorder.problem}",
            icon=":material/cloud_off:",
        )
    st.caption(text)


def cost_of(app: App, now_s: float) -> Cost:
    """What this process sent for its figures so far."""
    recorder = app.recorder
    return Cost(
        measured_s=max(now_s - app.started_s, 0.0),
        interval_s=recorder.interval_s if recorder else None,
        sendings=recorder.sendings if recorder else 0,
        handed=recorder.commands if recorder else 0,
        read=app.metrics.commands,
        tests=app.health_tests.commands,
    )


def cost_in_words(cost: Cost, *, is_local: bool) -> str:
    """What it costs in store commands a day, and how that is reckoned."""
    since = f"in the {words.duration(cost.measured_s)} since the start"
    lines = ["**Store commands that figures cost, by this process:**"]
    most = cost.handed_a_day_at_most
    if most is None or cost.interval_s is None:
        lines.append("- Handing over: none, nothing is counted.")
    else:
        counted = (
            f"{words.count(cost.handed)} in {words.plural(cost.sendings, 'hand-over')} counted"
            if cost.sendings
            else "none counted yet"
        )
        lines.append(
            f"- Handing over: at most **{words.count(round(most))} a day**, "
            f"{cost.commands_each:.1f} each time ({counted}), every {cost.interval_s:g} s "
            f"while something is read and never otherwise{_pace(cost, cost.handed)}."
        )
    lines.append(
        f"- Reading for pages: {words.count(cost.read)} {since}{_pace(cost, cost.read)}. One for "
        "each open minute or hour of a window; closed ones are kept here, and visitors within a "
        "second share one reading."
    )
    lines.append(
        f"- Tests of the store on this page: {words.count(cost.tests)} {since}"
        f"{_pace(cost, cost.tests)}."
    )
    if cost.a_day(0) is None:
        lines.append("- A pace a day is told once the app has run for 10 min.")
    if is_local:
        lines.append("- This store is in the process itself, so none of them costs a round trip.")
    return "\n".join(lines)


def _pace(cost: Cost, commands: int) -> str:
    a_day = cost.a_day(commands)
    return "" if a_day is None else f", at that pace {words.count(round(a_day))} a day"


def draw_thresholds(thresholds: Thresholds) -> None:
    """The bounds of the ratings and the targets, and the settings that change them."""
    st.dataframe(bounds_frame(thresholds), hide_index=True, width="stretch")
    st.caption(
        f"{rule_of(thresholds)} Fewer than {words.count(thresholds.lookups_min)} lookups are not "
        "rated (`RATING_LOOKUPS_MIN`)."
    )
    st.dataframe(targets_frame(thresholds), hide_index=True, width="stretch")


def bounds_frame(thresholds: Thresholds) -> pd.DataFrame:
    """A row per factor: its bounds in words, best first, and its setting."""
    rows = [
        ("Hit rate, at least", [f"{one * 100:g} %" for one in thresholds.hit_rate],
         "RATING_HIT_RATE"),
        ("Store p95, below", [f"{one * 1000:g} ms" for one in thresholds.store_p95_s],
         "RATING_STORE_P95_S"),
        ("Errors, below", [f"{one * 100:g} %" for one in thresholds.error_rate],
         "RATING_ERROR_RATE"),
    ]  # fmt: skip
    return pd.DataFrame(
        [(name, *bounds, setting) for name, bounds, setting in rows],
        columns=["Factor", "Excellent", "Good", "Fair", "Set with"],
    )


def targets_frame(thresholds: Thresholds) -> pd.DataFrame:
    """A row per target: what is wanted in words, and its setting."""
    return pd.DataFrame(
        [
            ("Faster responses", f"at least {thresholds.target_faster * 100:g} %", "TARGET_FASTER"),
            ("Hit rate", f"at least {thresholds.target_hit_rate * 100:g} %", "TARGET_HIT_RATE"),
            ("Store latency", f"below {thresholds.target_store_s * 1000:g} ms", "TARGET_STORE_S"),
            ("Miss penalty", f"below {thresholds.target_miss_penalty_s * 1000:g} ms",
             "TARGET_MISS_PENALTY_S"),
            ("Errors", f"below {thresholds.target_error_rate * 100:g} %", "TARGET_ERROR_RATE"),
        ],
        columns=["Target", "Wanted", "Set with"],
    )  # fmt: skip


def draw_definitions() -> None:
    """What every figure means: the sentences of the help texts."""
    groups: dict[str, list[Definition]] = {}
    for one in DEFINITIONS.values():
        groups.setdefault(one.group, []).append(one)
    for group, found in groups.items():
        with st.expander(f"{group}: {words.plural(len(found), 'figure')}"):
            st.markdown("\n".join(f"- **{one.name}** ({one.unit}). {one.text}" for one in found))
