"""What each TTL would give, as files."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cache_core.insight.files import Origin
from cache_core.insight.pictures import Study
from cache_core.insight.ttl_terms import Promise, TtlPicture
from cache_core.insight.ttl_what_if import what_if
from ui import ttl_charts, ttl_words, words
from ui.export import Content, origin_in_store
from ui.frame import Frame
from ui.report import Part
from ui.ttl_what_if_block import report_frames


def origin(frame: Frame, namespace: str, study: Study) -> Origin:
    """Where the figures come from."""
    when = f"Reads logged over {words.duration(study.seen_s)}"
    return origin_in_store(
        frame.app, "ttl_lab", when, f"namespace {namespace}", "logged", namespace
    )


def content(namespace: str, studies: Mapping[str, Study]) -> Content:
    """A namespace's TTLs and, in the JSON, all namespaces."""
    study = studies[namespace]
    about = {"namespace": namespace, "ttl_s": f"{study.ttl_s:g}"}
    advice = ttl_words.advice_of(study)
    if advice is not None:
        about |= {
            "advised_ttl_s": f"{advice.ttl_s:g}",
            "confidence": f"{advice.confidence}: {advice.confidence_text}",
            "reason": advice.reason,
        }
    missing = ttl_words.missing(study)
    tables = {"ttls": ttl_table(study), "namespaces": namespace_table(studies)}
    sentence = " ".join(filter(None, (ttl_words.answer(namespace, study), missing)))
    return Content(sentence, _parts(study, tables), tables, about)


def ttl_table(study: Study) -> pd.DataFrame:
    """A row per TTL: shares from 0 to 1, seconds and commands an hour; empty where nothing can be
    said."""
    grid = study.picture.grid if isinstance(study.picture, TtlPicture) else ()
    return pd.DataFrame([_row(study, promise) for promise in grid])


def _row(study: Study, promise: Promise) -> dict[str, object]:
    then = what_if(study, promise)
    return {
        "ttl_s": promise.ttl_s,
        "hit_rate": promise.hit_rate,
        "hit_rate_low": promise.hit_rate_low,
        "hit_rate_high": promise.hit_rate_high,
        "outdated": promise.staleness,
        "outdated_low": promise.staleness_low,
        "outdated_high": promise.staleness_high,
        "source_s_an_hour": then.source_s_an_hour,
        "commands_an_hour": then.commands_an_hour,
    }


def namespace_table(studies: Mapping[str, Study]) -> pd.DataFrame:
    """A row per namespace that can be tuned, the most to gain first."""
    rows = []
    for name in ttl_words.most_to_gain_first(studies):
        study, advice = studies[name], ttl_words.advice_of(studies[name])
        rows.append(
            {
                "namespace": name,
                "ttl_s": study.ttl_s,
                "advised_ttl_s": advice.ttl_s if advice else None,
                "gain": ttl_words.gain(study),
                "confidence": advice.confidence if advice else None,
                "reads": study.reads,
                "recomputes": study.recomputes,
            }
        )
    return pd.DataFrame(rows)


def _parts(study: Study, tables: Mapping[str, pd.DataFrame]) -> list[Part]:
    parts = []
    if isinstance(study.picture, TtlPicture):
        picture = study.picture
        frame, marks = report_frames(study, picture)
        parts.append(
            Part(
                "Hit rate against TTL",
                ttl_charts.rate_chart(frame, marks),
                ttl_charts.describe_rates(frame, marks),
            )
        )
        if frame["outdated"].notna().any():
            top = ttl_charts.top_of(picture, picture.budget, marks["ttl_s"].tolist())
            parts.append(
                Part(
                    "Outdated reads against TTL",
                    ttl_charts.stale_chart(frame, marks, picture.budget, top),
                    ttl_charts.describe_stale(frame, marks, picture.budget),
                )
            )
        shown = tables["ttls"].copy()
        shares = [name for name in shown if name.startswith(("hit_rate", "outdated"))]
        shown[shares] *= 100
        shown = shown.rename(columns={name: f"{name}, %" for name in shares})
        parts.append(Part("Each TTL", table=shown))
    parts.append(Part("All namespaces", table=tables["namespaces"]))
    return parts
