"""Learning: who gets better, which phrasings work, what to expect of one instruction."""

from __future__ import annotations

import streamlit as st

from ui.choices import A_USER, ALL_USERS, INSTRUCTION, PHRASINGS
from ui.frame import draw_title, open_page
from ui.learning_blocks import database_errors, draw_sample_note, open_views
from ui.learning_instruction import draw_instruction
from ui.learning_patterns import draw_patterns
from ui.learning_people import draw_people
from ui.learning_user import draw_user

frame = open_page()
draw_title("Learning", "Who gets better, which phrasings work, what to expect of an instruction?")
views = open_views(frame.app)
draw_sample_note(frame.app.data_label())
view = st.segmented_control(
    "Look at",
    [A_USER, ALL_USERS, PHRASINGS, INSTRUCTION],
    default=A_USER,
    required=True,
    key="learning_view",
    bind="query-params",
)
with database_errors():
    if view == ALL_USERS:
        draw_people(frame, views)
    elif view == PHRASINGS:
        draw_patterns(frame, views)
    elif view == INSTRUCTION:
        draw_instruction(frame, views)
    else:
        draw_user(frame, views)
