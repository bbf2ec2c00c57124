"""Over which weeks to look at what the cache saved beside how instructions fared."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import streamlit as st

from cache_core.telemetry.periods import HOUR_S, clock_of
from cache_core.telemetry.saved import Span
from ui.app import App

_DAY_H, _WEEK_H = 24, 7 * 24
# Weeks are long enough for an interval that says something; hours are for a look at today.
CHOICES = {
    "2 days": (2 * _DAY_H, 1),
    "2 weeks": (14 * _DAY_H, _DAY_H),
    "12 weeks": (12 * _WEEK_H, _WEEK_H),
    "1 year": (52 * _WEEK_H, _WEEK_H),
}
FIRST_CHOICE = "2 weeks"
_STEPS = {1: "hour", _DAY_H: "day", _WEEK_H: "week"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A span as it was chosen: `kind` as in "2 weeks", `now_s` the time it is (Unix time)."""

    kind: str
    span: Span
    now_s: float

    @property
    def step(self) -> str:
        """ "hour", "day" or "week"."""
        return _STEPS[self.span.step_hours]

    @property
    def begin(self) -> dt.date:
        """Its first day."""
        return _date_of(self.span.first)

    @property
    def last(self) -> dt.date:
        """Its last day."""
        return _date_of(self.span.end - 1)

    @property
    def title(self) -> str:
        """As in "2 weeks, 2026-11-13 to 2026-11-26"."""
        return f"{self.kind}, {self.begin} to {self.last}"

    @property
    def dates(self) -> str:
        """For names of files."""
        return f"{self.begin:%Y%m%d}_to_{self.last:%Y%m%d}"


def chosen_span(kind: str, last: dt.date, now_s: float) -> Chosen:
    """The span of this kind whose last day, or week, has `last` in it."""
    hours, step_hours = CHOICES[kind]
    end = last + dt.timedelta(days=1)
    if step_hours == _WEEK_H:
        end = last + dt.timedelta(days=7 - last.weekday())
    midnight = dt.datetime.combine(end, dt.time(), dt.UTC)
    return Chosen(kind, Span(int(midnight.timestamp()) // HOUR_S - hours, hours, step_hours), now_s)


def choose_weeks(app: App) -> Chosen:
    """How long, and up to which day; both in the address."""
    now_s = clock_of(app.cache.store)()
    today = dt.datetime.fromtimestamp(now_s, dt.UTC).date()
    kind = st.segmented_control(
        "Span",
        list(CHOICES),
        default=FIRST_CHOICE,
        required=True,
        key="saved_span",
        bind="query-params",
    )
    last = st.date_input(
        "Up to (UTC)",
        value=today,
        min_value=today - dt.timedelta(days=app.settings.history_days),
        max_value=today,
        key="saved_to",
        format="YYYY-MM-DD",
        required=True,
        bind="query-params",
        width=180,
    )
    return chosen_span(str(kind or FIRST_CHOICE), last, now_s)


def _date_of(hour: int) -> dt.date:
    return dt.datetime.fromtimestamp(hour * HOUR_S, dt.UTC).date()
