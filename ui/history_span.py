"""A past day or week: which hours it has, what it is called, and the way to the one before."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from cache_core.telemetry.periods import HOUR_S

SpanKind = Literal["Day", "Week"]

_DAYS: dict[SpanKind, int] = {"Day": 1, "Week": 7}


@dataclass(frozen=True, slots=True)
class Span:
    """A day from midnight, or a week from Monday, in UTC."""

    kind: SpanKind
    begin: dt.date

    @property
    def days(self) -> int:
        """How many days it has."""
        return _DAYS[self.kind]

    @property
    def hours(self) -> int:
        """How many hours it has."""
        return self.days * 24

    @property
    def first_hour(self) -> int:
        """Its first hour, Unix time divided by 3600."""
        midnight = dt.datetime.combine(self.begin, dt.time(), dt.UTC)
        return int(midnight.timestamp()) // HOUR_S

    @property
    def last(self) -> dt.date:
        """Its last day."""
        return self.begin + dt.timedelta(days=self.days - 1)

    @property
    def before(self) -> Span:
        """The day or week before."""
        return Span(self.kind, self.begin - dt.timedelta(days=self.days))

    @property
    def title(self) -> str:
        """As in "Sunday, 2026-03-01" or "2026-02-23 to 2026-03-01"."""
        if self.kind == "Day":
            return f"{self.begin:%A, %Y-%m-%d}"
        return f"{self.begin} to {self.last}"

    @property
    def when(self) -> str:
        """As in "on Sunday, 2026-03-01" or "in the week 2026-02-23 to 2026-03-01"."""
        return f"on {self.title}" if self.kind == "Day" else f"in the week {self.title}"

    @property
    def this(self) -> str:
        """ "this day" or "this week"."""
        return f"this {self.kind.lower()}"

    @property
    def earlier(self) -> str:
        """ "the day before" or "the week before"."""
        return f"the {self.kind.lower()} before"

    @property
    def dates(self) -> str:
        """As in "20260301" or "20260223_to_20260301": for names of files."""
        return f"{self.begin:%Y%m%d}" + ("" if self.kind == "Day" else f"_to_{self.last:%Y%m%d}")


def span_of(kind: SpanKind, day: dt.date) -> Span:
    """The span of this kind that has this day in it."""
    return Span(kind, day - dt.timedelta(days=day.weekday() if kind == "Week" else 0))
