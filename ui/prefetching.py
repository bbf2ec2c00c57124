"""The steps visitors take, and what each of them would read: so likely next pages find it fresh.

A step is a page, told apart by what it shows where that decides what it reads. Its name says
nothing about the visitor. Of a user's data, only that of the user this visitor chose, or of the one
the page would show him first, is fetched, and only because of his own steps.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable

import streamlit as st

from cache_core.insight.prefetch import Fetch, Offer, Prefetcher
from cache_core.learning.views import LearningViews
from cache_core.telemetry.saved import Span
from ui.choices import A_USER, ALL_CATEGORIES, EVERYBODY
from ui.feedback_span import CHOICES, FIRST_CHOICE, chosen_span
from ui.steps import LEARNING, STEPS

_SESSION, _LAST = "prefetch_session", "prefetch_last_step"


def note_step(ahead: Prefetcher | None, views: LearningViews | None, page: str) -> None:
    """A visitor is on a page (by title), as chosen there. Returns at once; never fails the page.

    Called when the page is drawn, so that what is fetched does not take its time.
    """
    name = step_of(page)
    if ahead is None or views is None or name is None or st.session_state.get(_LAST) == name:
        return
    st.session_state[_LAST] = name
    session = st.session_state.setdefault(_SESSION, secrets.token_hex(8))
    ahead.step(session, name, offers(views, name, _chosen))


def step_of(page: str) -> str | None:
    """The name of the step; None for a page that is none."""
    name = page.lower()
    if name == "learning":
        return LEARNING.get(_chosen("learning_view") or A_USER)
    if name == "dashboard" and _chosen("dashboard_user") not in (None, EVERYBODY):
        return "dashboard, a user"
    return name if name in STEPS else None


def _chosen(key: str) -> str | None:
    """What this visitor chose, on this page or on an earlier one."""
    found = st.session_state.get(key) or st.query_params.get(key)
    return found if isinstance(found, str) else None


def offers(views: LearningViews, at: str, chosen: Callable[[str], str | None]) -> dict[str, Offer]:
    """What the steps after `at` would read for this visitor, by name."""
    on_dashboard, on_learning = chosen("dashboard_user"), chosen("learning_user")
    if on_dashboard == EVERYBODY:
        on_dashboard = None
    # The Dashboard's link to the Learning page takes the user along.
    of_learning = on_dashboard if at == "dashboard, a user" else on_learning
    span = _span(chosen)
    category = chosen("pattern_category")
    if category == ALL_CATEGORIES:
        category = None
    found: dict[str, Offer] = {
        "dashboard": lambda fetch: _dashboard(views, fetch),
        "learning, a user": lambda fetch: _learning_of(views, fetch, of_learning, span),
        "learning, all users": lambda fetch: _all_users(views, fetch, span),
        "learning, phrasings": lambda fetch: _phrasings(views, fetch, category),
    }
    if on_dashboard is not None:
        found["dashboard, a user"] = lambda fetch: _dashboard_of(views, fetch, on_dashboard)
    return found


def _dashboard(views: LearningViews, fetch: Fetch) -> None:
    fetch(views.stats, (None,), is_shared=True)
    fetch(views.standings, (), is_shared=True)
    fetch(views.patterns, (None,), is_shared=True)
    fetch(views.users, (), is_shared=True)


def _dashboard_of(views: LearningViews, fetch: Fetch, user: str) -> None:
    fetch(views.stats, (user,))
    _metrics_of(views, fetch, user)
    fetch(views.users, (), is_shared=True)


def _learning_of(views: LearningViews, fetch: Fetch, user: str | None, span: Span) -> None:
    """`user`: None for the one the page shows first, who has most outcomes."""
    (everybody,) = fetch(views.stats, (None,), is_shared=True)
    fetch(views.users, (), is_shared=True)
    if user is None and everybody is not None and everybody.most_active:
        user = everybody.most_active[0].name
    if user is not None:
        _metrics_of(views, fetch, user)
        fetch(views.stats, (user,))
        fetch(views.user, (user,))
        _by_step(views, fetch, user, span)


def _metrics_of(views: LearningViews, fetch: Fetch, user: str) -> None:
    """As `LearningViews.metrics_of` reads them."""
    (own,) = fetch(views.progress, (user,))
    if own is not None:
        fetch(views.category, *[(name,) for name in own.categories])


def _all_users(views: LearningViews, fetch: Fetch, span: Span) -> None:
    fetch(views.standings, (), is_shared=True)
    _by_step(views, fetch, None, span)


def _by_step(views: LearningViews, fetch: Fetch, user: str | None, span: Span) -> None:
    now = (user, span.first, span.hours, span.step_hours)
    before = (user, span.before.first, span.hours, span.hours)
    fetch(views.by_step, now, before, is_shared=user is None)


def _span(chosen: Callable[[str], str | None]) -> Span:
    """What the Learning page shows of outcomes beside the cache, up to today."""
    now = dt.datetime.now(dt.UTC)
    kind = chosen("saved_span") or FIRST_CHOICE
    return chosen_span(kind if kind in CHOICES else FIRST_CHOICE, now.date(), now.timestamp()).span


def _phrasings(views: LearningViews, fetch: Fetch, category: str | None) -> None:
    fetch(views.categories, (), is_shared=True)
    fetch(views.patterns, (category,), is_shared=category is None)
