"""The hottest and the most missed groups of keys, without showing what users wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from cache_core.telemetry import GroupFigures, GroupsOf
from cache_core.telemetry.groups import GroupCounts
from ui import words
from ui.drawing import side_by_side

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Standing:
    """A group of keys and its namespace."""

    namespace: str
    name: str
    counts: GroupCounts


Found = Mapping[str, GroupsOf]
"""Groups of keys by namespace."""


def draw_groups(figures: GroupFigures, namespace: str | None) -> None:
    """The hottest beside the most missed, each with its share of all."""
    found = chosen(figures, namespace)
    st.subheader("Hottest and most missed keys", anchor=False)
    if not any(of.groups for of in found.values()):
        st.caption(f"No lookups since {words.moment(figures.begin_s)}.")
        return
    st.markdown(sentence(found))
    # With the namespace beside each, a table needs the whole width.
    left, right = side_by_side() if namespace else (st.container(), st.container())
    with left:
        st.markdown("Hottest")
        _draw_table(hottest_frame(found, namespace))
    with right:
        st.markdown("Most missed")
        missed = most_missed_frame(found, namespace)
        if missed.empty:
            st.caption("Nothing was missed.")
        else:
            _draw_table(missed)
    st.caption(
        f"Counted since {words.moment(figures.begin_s)}, by whole hours. `#…` is the beginning of "
        "a key's digest: what users wrote stands in no key. Functions that name a `group` for "
        "their calls are counted by it. Each process tells the first eight of each an hour, and "
        "of named groups some more, so these are lower bounds."
    )


def _draw_table(frame: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        column_config={"Lookups": number, "Misses": number},
    )


def chosen(figures: GroupFigures, namespace: str | None) -> dict[str, GroupsOf]:
    """The groups of one namespace, or of all."""
    return {name: of for name, of in figures.namespaces.items() if namespace in (None, name)}


def sentence(found: Found) -> str:
    """How much of all lookups, and of all misses, the first groups take."""
    hot, missed = hottest(found), most_missed(found)
    text = f"**The first {_keys(hot)} take{_s(hot)} {_share(hot, _lookups, found)} of lookups"
    if missed:
        text += f"; {_keys(missed)} cause{_s(missed)} {_share(missed, _misses, found)} of misses"
    return text + ".**"


def hottest(found: Found) -> list[Standing]:
    """Those with the most lookups, the most first."""
    return sorted(_all(found), key=lambda one: -one.counts.lookups)[:SHOWN]


def most_missed(found: Found) -> list[Standing]:
    """Those with the most misses, the most first."""
    first = sorted(_all(found), key=lambda one: -one.counts.misses)[:SHOWN]
    return [one for one in first if one.counts.misses]


def hottest_frame(found: Found, namespace: str | None) -> pd.DataFrame:
    """A row per group with the most lookups; without a column for the namespace if it is chosen."""
    return _frame("Lookups", hottest(found), _lookups, found, namespace)


def most_missed_frame(found: Found, namespace: str | None) -> pd.DataFrame:
    """A row per group with the most misses; without a column for the namespace if it is chosen."""
    return _frame("Misses", most_missed(found), _misses, found, namespace)


def _all(found: Found) -> list[Standing]:
    return [
        Standing(namespace, name, counts)
        for namespace, of in found.items()
        for name, counts in of.groups.items()
    ]


Weight = Callable[[GroupCounts | GroupsOf], int]


def _lookups(counts: GroupCounts | GroupsOf) -> int:
    return counts.lookups


def _misses(counts: GroupCounts | GroupsOf) -> int:
    return counts.misses


def _frame(
    label: str, rows: Sequence[Standing], weight: Weight, found: Found, namespace: str | None
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "Keys": [one.name for one in rows],
            "Namespace": [one.namespace for one in rows],
            label: [weight(one.counts) for one in rows],
            "Of all": [_share([one], weight, found) for one in rows],
            "Hit rate": [words.percent(one.counts.hit_rate) for one in rows],
            "Time saved": [words.duration(one.counts.saved_s) for one in rows],
        }
    )
    return frame.drop(columns="Namespace") if namespace else frame


def _share(rows: Sequence[Standing], weight: Weight, found: Found) -> str:
    """Of all; a share that rounds to nothing is not told as none."""
    part = sum(weight(one.counts) for one in rows) / max(sum(map(weight, found.values())), 1)
    return "< 1 %" if 0 < part < 0.005 else words.percent(part)


def _keys(rows: Sequence[Standing]) -> str:
    return words.plural(len(rows), "key or group", "keys or groups")


def _s(rows: Sequence[Standing]) -> str:
    """The ending of a verb whose subject they are."""
    return "s" if len(rows) == 1 else ""
