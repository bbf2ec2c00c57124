"""What docs/streamlit.md shows, runs as a page."""

from __future__ import annotations

import re
from pathlib import Path

from cache_core.streamlit import connection
from tests.streamlit.conftest import WritePage

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "streamlit.md").read_text(encoding="utf-8")


def test_the_page_it_shows_draws_its_chart_and_both_panels(write_page: WritePage) -> None:
    (page,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    at = write_page(page).run()
    assert not at.exception
    assert at.get("vega_lite_chart") or at.get("arrow_line_chart")
    assert {"Hit rate", "Time saved"} <= {one.label for one in at.metric}
    assert "for operators of this app" in at.info[0].value


def test_the_section_it_shows_has_the_options_there_are() -> None:
    (section,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    shown = set(re.findall(r"(?:^|;|#)\s*(\w+) =", section, re.MULTILINE))
    assert shown == set(connection._OPTIONS)
