"""What the cache saved beside how instructions fared, as files."""

from __future__ import annotations

from ui import feedback_charts, feedback_frames
from ui.export import Content, draw_files
from ui.feedback_frames import Feedback
from ui.learning_export import origin_of_data
from ui.report import Part


def draw_feedback_files(found: Feedback) -> None:
    """What the Learning page shows of what the cache saved beside how instructions fared."""
    who = "all users" if found.user is None else found.user
    piece = "everybody" if found.user is None else "one_user"
    reads = f", reads of {found.namespace}" if found.namespace else ""
    origin = origin_of_data(
        "learning_feedback", f"Time saved and outcomes of {who}{reads}", found.chosen.dates, piece
    )
    draw_files(
        origin,
        "What the cache saved, beside how instructions fared",
        f"a row per {found.chosen.step}",
        lambda: _feedback_content(found, who),
    )


def _feedback_content(found: Feedback, who: str) -> Content:
    frame, chosen = feedback_frames.step_frame(found), found.chosen
    namespaces = feedback_frames.namespace_table(found)
    parts = [
        Part(
            f"Time the cache saved, {feedback_charts.unit_of(frame)}",
            feedback_charts.saved_chart(frame, chosen.step),
            feedback_frames.describe_saved(frame, chosen),
        ),
        Part(
            "Mean outcome over the same time",
            feedback_charts.outcome_chart(frame, chosen.step),
            feedback_frames.describe_outcomes(frame, chosen),
            feedback_frames.step_table(frame, chosen),
        ),
    ]
    if len(namespaces):
        parts.append(Part("By namespace", table=namespaces))
    return Content(
        f"{feedback_frames.sentence(found)} {feedback_frames.named_sentence(found)}",
        parts,
        {"steps": frame, "namespaces": namespaces},
        {"who": who, "namespace": found.namespace or "all", "span": chosen.title},
    )
