"""What the advice is made from, gathered for a page, and which of it is put aside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from cache_core.insight.pictures import Pictures
from cache_core.insight.recommendations import (
    Advice,
    Measured,
    PastDeed,
    Recommendation,
    recommend,
)
from cache_core.logs import in_short
from cache_core.operations import UNDO, AuditUnreadableError, Dismissal
from cache_core.stores import StoreError, StoreInfo
from cache_core.telemetry import Figures
from ui.app import App
from ui.frame import Frame

_DEEDS_MAX = 500
_DEEDS = {"clear": "clear", "retune": "retune", UNDO: "retune"}
_PICTURES_AGE_S = 600.0  # they tell of a day or two: older than that they may be for advice

SEVERITY_ICONS = {
    "High": ":material/priority_high:",
    "Medium": ":material/warning:",
    "Low": ":material/info:",
}
SEVERITY_COLORS = {"High": "red", "Medium": "orange", "Low": "blue"}


@dataclass(frozen=True, slots=True)
class Told:
    """Advice for a page. `shown`: not put aside. `unread`: what could not be asked, in words.

    `is_early`: what each TTL would give is still being worked out, so nothing is said of TTLs.
    """

    advice: Advice
    shown: tuple[Recommendation, ...]
    dismissed: tuple[Dismissal, ...]
    info: StoreInfo | None
    unread: tuple[str, ...]
    is_early: bool = False


def advise(frame: Frame, figures: Figures, *, may_wait: bool = True) -> Told:
    """Advice on what the visitor chose. Never raises for a store or database: it is said.

    `may_wait`: for what each TTL would give, if nobody has asked for it yet; else there is none
    of that this time.
    """
    app = frame.app
    unread: list[str] = []
    before = retuned_s = info = None
    found: Pictures | None = {}
    try:
        before = frame.figures_or_raise(back=1)
        retuned_s = app.retuned_s(frame.age_s)
        info = _store_info(app, app.started_s)
        found = _pictures(app, may_wait)
    except StoreError as exc:
        unread.append(f"the store did not say all it could: {exc}")
    deeds = _deeds(app)
    if deeds is None:
        unread.append("the audit cannot be read, so clears and changes of a TTL are not known")
    measured = Measured(
        figures,
        before,
        # Without their present ttl nothing can be said about lives.
        policies=app.cache.namespaces() if retuned_s is not None else {},
        retuned_s=retuned_s or {},
        info=info,
        deeds=deeds,
        thresholds=app.thresholds,
        pictures=found or {},
    )
    advice = recommend(measured, frame.namespace)
    if found is None:
        # What counters alone say of a TTL would soon be replaced by another number.
        later = tuple(one for one in advice.recommendations if one.rule != "longer_ttl")
        advice = replace(advice, recommendations=later)
    dismissed: tuple[Dismissal, ...] = ()
    try:
        dismissed = tuple(app.dismissals.current())
    except SQLAlchemyError as exc:
        unread.append(f"which advice was dismissed cannot be read ({in_short(exc)}), so all shows")
    aside = {(one.rule, one.namespace) for one in dismissed}
    shown = tuple(one for one in advice.recommendations if (one.rule, one.namespace) not in aside)
    return Told(advice, shown, dismissed, info, tuple(unread), is_early=found is None)


def top_three(told: Told) -> tuple[Recommendation, ...]:
    """The worst three that are not put aside."""
    return told.shown[:3]


def _pictures(app: App, may_wait: bool) -> Pictures | None:
    """What each TTL would give; None while that is worked out. Raises StoreError."""
    if may_wait:
        return app.pictures(_PICTURES_AGE_S)
    found = app.studies_at_hand(_PICTURES_AGE_S)
    return None if found is None else {name: study.picture for name, study in found.items()}


@st.cache_data(ttl="30s", max_entries=8, show_spinner=False)
def _store_info(_app: App, started_s: float) -> StoreInfo:
    """What the store reports; asked twice a minute at most, however many look.

    `started_s` stands for the app in the key. Raises StoreError.
    """
    return _app.cache.store.info()


def _deeds(app: App) -> list[PastDeed] | None:
    """Clears and changes of a ttl that may show in the figures; None if the audit is unreadable."""
    try:
        records = app.audit.recent(_DEEDS_MAX)
    except AuditUnreadableError:
        return None
    return [
        PastDeed(_DEEDS[one.deed], one.scope, (one.ended or one.at).timestamp())
        for one in records
        if one.deed in _DEEDS and one.result in ("done", "stopped")
    ]
