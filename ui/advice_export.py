"""Advice as files: what is advised, what was put aside, and for what there is too little."""

from __future__ import annotations

import pandas as pd

from cache_core.insight.files import iso
from cache_core.insight.recommendations import Action
from ui import words
from ui.advice import Told, advise
from ui.export import Content
from ui.frame import Frame
from ui.report import Part

_ADVICE = ("severity", "namespace", "rule", "finding", "evidence", "expected_effect", "confidence")
_DISMISSED = ("namespace", "rule", "reason", "actor", "at", "until")


def advice_content(frame: Frame) -> Content:
    """The page's advice, found anew. Raises StoreError."""
    figures = frame.figures_or_raise()
    told = advise(frame, figures)
    advice = advice_table(told)
    dismissed = pd.DataFrame(
        [[getattr(one, name) for name in _DISMISSED] for one in told.dismissed], columns=_DISMISSED
    )
    too_little = pd.DataFrame(
        [(one.namespace, one.text) for one in told.advice.too_little], columns=["namespace", "why"]
    )
    parts = [
        Part(title, table=table.rename(columns=_as_heading))
        for title, table in (
            ("What to do", advice),
            ("Dismissed", dismissed),
            ("Too little data", too_little),
        )
        if len(table)
    ]
    return Content(
        _sentence(told),
        parts,
        {"recommendations": advice, "dismissed": dismissed, "too_little": too_little},
        {
            "window": frame.window.name,
            "begin": iso(figures.begin_s),
            "end": iso(figures.end_s),
            "looked_at": ", ".join(told.advice.looked_at),
            "not_looked_at": "; ".join(told.unread),
        },
    )


def advice_table(told: Told) -> pd.DataFrame:
    """A row per advice that is not put aside, worst first; an empty namespace is the store's."""
    rows = [
        [*(getattr(one, name) for name in _ADVICE), one.rule_text, _action(one.action)]
        for one in told.shown
    ]
    return pd.DataFrame(rows, columns=[*_ADVICE, "rule_text", "action"])


def _action(action: Action | None) -> str:
    if action is None:
        return ""
    return action.verb if action.ttl_s is None else f"{action.verb} to {action.ttl_s:g} s"


def _sentence(told: Told) -> str:
    if told.shown:
        return f"**{words.plural(len(told.shown), 'thing')} to do**, worst first."
    if told.advice.recommendations:
        return "**Nothing new:** all that was found is dismissed."
    if told.advice.looked_at:
        return "**Everything measured is fine.**"
    return "**Not enough data for advice.**"


def _as_heading(name: str) -> str:
    return name.replace("_", " ").capitalize()
