"""TTL lab: how long entries should live, from what was read and how often the data changed."""

from __future__ import annotations

import streamlit as st

from cache_core.insight.pictures import Study
from cache_core.stores import StoreError
from ui import ttl_block, ttl_export
from ui.access import current_actor
from ui.auto_tune_block import draw_auto_tune
from ui.export import draw_files
from ui.frame import STORE_PROBLEM, draw_title, live, open_page
from ui.replay_block import draw_replay
from ui.retune_button import draw_said
from ui.ttl_what_if_block import draw_what_if

frame = open_page()
app = frame.app
actor = current_actor(app)


def why_not() -> str | None:
    """Why nothing can be changed right now, if so. The store answered, or no button is drawn."""
    if actor.role != "operator":
        return "Operator access is needed; see the end of the page."
    if not app.cache.is_on:
        return "Caching is off, so there is nothing to change."
    return None


def load() -> dict[str, Study] | None:
    """What each TTL would give; None, said on the page, where that cannot be read."""
    try:
        return app.studies(frame.age_s)
    except StoreError as exc:
        if st.session_state.get(STORE_PROBLEM) is None:
            st.error(f"**The store does not answer:** {exc}", icon=":material/cloud_off:")
        st.info(
            "What was read is logged in the store, so it cannot be looked at now. What is read "
            "meanwhile is kept here and handed over when the store answers again.",
            icon=":material/hourglass_empty:",
        )
        return None


def draw() -> None:
    """The namespace's answer, curves and evidence, or why there are none."""
    if not app.cache.is_on:
        st.info(
            "**Caching is off, so no reads are logged** and nothing can be said of TTLs. Set "
            "`CACHE_ENABLED` to `auto` or `on` to use the cache.",
            icon=":material/toggle_off:",
        )
        return
    studies = load()
    if studies is None:
        return
    if not studies:
        ttl_block.draw_nothing(app)
        return
    is_unlogged = ttl_block.draw_unlogged(app, studies)
    if frame.namespace not in (None, *studies):
        ttl_block.draw_untunable(app, frame.namespace or "")
    if is_unlogged:
        return
    name = ttl_block.choose(frame, studies)
    if name is not None:
        draw_namespace(name, studies)


def draw_namespace(name: str, studies: dict[str, Study]) -> None:
    """One namespace. Buttons stand outside of what is drawn again while live."""
    ttl_block.draw_answer(frame, actor, name, studies[name], why_not())

    def refresh() -> None:
        study = app.studies(frame.age_s).get(name, studies[name])
        picture = ttl_block.picture_of(study)
        if picture is not None:
            draw_what_if(name, study, picture)
        ttl_block.draw_evidence(study)

    live(frame, refresh, key="ttl_lab")
    draw_files(
        ttl_export.origin(frame, name, studies[name]),
        f"How long entries of {name} should live",
        "a row per TTL",
        lambda: ttl_export.content(name, app.studies()),
    )


draw_title(
    "TTL lab", "How long should entries live, so that most reads are served and few outdated?"
)
draw_said()
draw()
st.subheader("Auto-tune", anchor=False)
draw_auto_tune(app, actor)
st.divider()
st.subheader("Replay a trace", anchor=False)
draw_replay(app, actor)
