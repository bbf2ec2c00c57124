"""The three things to do first, in a few lines, for pages that are about something else."""

from __future__ import annotations

import streamlit as st

from cache_core.insight.recommendations import Recommendation
from cache_core.telemetry import Figures
from ui import words
from ui.advice import SEVERITY_COLORS, SEVERITY_ICONS, Told, advise, top_three
from ui.frame import ALL, Frame

PAGE = "pages/recommendations.py"
EARLY = (
    ":material/hourglass_empty: What other TTLs would give is being worked out: look again soon."
)


def draw_top_advice(frame: Frame, figures: Figures) -> None:
    """The worst three, or that there is nothing to advise, and the way to the rest."""
    told = advise(frame, figures, may_wait=False)
    with st.container(border=True, gap="small"):
        st.markdown("**What to do**")
        for one in top_three(told):
            draw_line(one)
        if told.is_early and told.advice.looked_at:
            st.caption(EARLY)
        elif not told.shown:
            st.caption(nothing(told))
        more = len(told.shown) - len(top_three(told))
        st.page_link(
            PAGE,
            label=f"All advice ({more} more)" if more else "All advice, with its rules",
            icon=":material/lightbulb:",
            query_params={"window": frame.window.name, "namespace": frame.namespace or ALL},
        )


def draw_line(one: Recommendation) -> None:
    """One advice in a line: how bad, where, what."""
    color, icon = SEVERITY_COLORS[one.severity], SEVERITY_ICONS[one.severity]
    badge = f":{color}-badge[{icon} {one.severity}]"
    st.markdown(f"{badge} {where(one)}: {one.finding}  \n:small[{one.expected_effect}]")


def draw_severity(one: Recommendation) -> None:
    """Icon and word."""
    st.badge(
        one.severity,
        icon=SEVERITY_ICONS[one.severity],
        color=SEVERITY_COLORS[one.severity],  # type: ignore[arg-type]
    )


def where(one: Recommendation) -> str:
    """The namespace, or the store."""
    return f"`{one.namespace}`" if one.namespace else "The store"


def nothing(told: Told) -> str:
    """Why there is no advice, in a sentence."""
    if told.advice.recommendations:
        aside = words.plural(len(told.advice.recommendations), "finding")
        return f":material/visibility_off: Nothing new: {aside} dismissed."
    if told.advice.looked_at:
        looked = words.plural(len(told.advice.looked_at), "namespace")
        return f":material/check_circle: Everything measured is fine ({looked} looked at)."
    return ":material/hourglass_empty: Not enough data for advice yet."
