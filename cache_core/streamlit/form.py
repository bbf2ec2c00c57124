"""What the forms of a panel share: counting first, acting second, and saying what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from cache_core.stores import StoreError


@dataclass(frozen=True, slots=True)
class Form:
    """What was counted, for what, and what is to be said is kept in the session.

    `key`: apart from that of other panels. `obstacle`: why nothing can be done right now, if so.
    """

    key: str
    obstacle: str | None

    def name(self, part: str) -> str:
        """Key of a part of the panel in the session."""
        return f"{self.key}_{part}"

    def draw_count(self, subject: str | None, preview: Callable[[], str]) -> None:
        """The button that counts. What was counted holds for that subject only."""

        def count() -> None:
            try:
                st.session_state[self.name("counted")] = (subject, preview())
            except (ValueError, StoreError) as exc:
                self.forget_count()
                self.say("error", f"It cannot be counted: {exc}")

        st.button(
            "Count what would go",
            icon=":material/search:",
            disabled=self.obstacle is not None or not subject,
            help=self.obstacle,
            on_click=count,
            key=self.name("count"),
        )

    def draw_counted(self, subject: str | None) -> bool:
        """What was counted for this subject; False if that was not done yet."""
        counted, text = st.session_state.get(self.name("counted"), (None, ""))
        if not subject or counted != subject:
            return False
        st.markdown(text)
        return True

    def forget_count(self) -> None:
        """Nothing was counted: what was is out of date."""
        st.session_state.pop(self.name("counted"), None)

    def say(self, how: str, text: str) -> None:
        """Keep what came of it for the next drawing. `how`: success or error."""
        st.session_state[self.name("said")] = (how, text)

    def draw_said(self) -> None:
        """What came of it, once."""
        if said := st.session_state.pop(self.name("said"), None):
            how, text = said
            (st.error if how == "error" else st.success)(text)
