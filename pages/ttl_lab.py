"""TTL lab: what another TTL would come to."""

from __future__ import annotations

import streamlit as st

from ui.access import current_actor
from ui.frame import draw_title, open_page
from ui.replay_block import draw_replay

frame = open_page()
draw_title("TTL lab", "What would another TTL come to?")
st.subheader("Replay a trace", anchor=False)
draw_replay(frame.app, current_actor(frame.app))
