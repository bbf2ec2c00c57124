"""A page as one HTML file that needs nothing else: to send, to print, to keep."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import altair as alt
import pandas as pd
import vl_convert

_CHART_PX = 860
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2733; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
p.quiet, footer { color: #55626e; }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #c9d3dc; padding: .25rem .6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
svg { max-width: 100%; height: auto; }
"""
# Nothing in the file may run or be fetched, whatever a namespace is called.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a report: a chart with what it shows in words, or a table, or both."""

    title: str
    chart: alt.Chart | alt.LayerChart | None = None
    alt_text: str = ""
    table: pd.DataFrame | None = None


def render_report(
    title: str, sentence: str, source: str, parts: Sequence[Part], made_at: dt.datetime
) -> str:
    """The HTML of a report.

    Args:
        sentence: the page's answer, Markdown of bold, code and text alone.
        source: where the figures come from and over which window.
        made_at: with a zone.
    """
    sections = "\n".join(map(_section, parts))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="quiet">{escape(source)}</p>
<p>{_marked(sentence)}</p>
{sections}
<footer><p>Made {made_at.astimezone(dt.UTC):%Y-%m-%d %H:%M UTC}. Times are UTC.</p></footer>
</body>
</html>
"""


def _section(part: Part) -> str:
    text = f"<h2>{escape(part.title)}</h2>\n"
    if part.chart is not None:
        text += f'<figure role="img" aria-label="{escape(part.alt_text)}">{_svg(part.chart)}'
        text += f'</figure>\n<p class="quiet">{escape(part.alt_text)}</p>\n'
    if part.table is not None:
        with pd.option_context("display.max_colwidth", None):  # else texts are cut
            text += part.table.to_html(
                index=False, border=0, na_rep="–", escape=True, float_format="{:,.1f}".format
            )
    return text


def _svg(chart: alt.Chart | alt.LayerChart) -> str:
    """The chart as a drawing without scripts."""
    spec = chart.properties(width=_CHART_PX).to_dict()
    return str(vl_convert.vegalite_to_svg(spec, show_warnings=False))


def _marked(sentence: str) -> str:
    """Bold and code of a page's sentence as HTML; all else as text."""
    text = escape(sentence)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"`(.+?)`", r"<code>\1</code>", text)
    return re.sub(r"\\(?=[^A-Za-z0-9\s])", "", text)  # before a mark that is only a character
