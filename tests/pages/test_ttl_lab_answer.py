"""TTL lab: the answer and its numbers, each state in words, trying out, acting, and files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cache_core import Policy
from cache_core.insight import wording
from cache_core.insight.pictures import Study
from cache_core.insight.ttl_terms import TtlAdvice, TtlPicture
from cache_core.insight.ttl_what_if import promise_of, what_if
from cache_core.operations import ttl_now_s
from tests.pages.conftest import Files, OpenApp, texts
from tests.pages.logged_reads import NAMESPACE, log_reads
from tests.servers.redis_server import RedisServer
from ui import words
from ui.app import App

Running = Callable[[], App]
TRY, BUDGET = f"what_if_{NAMESPACE}", f"budget_{NAMESPACE}"


@pytest.fixture
def open_lab(open_app: OpenApp, running: Running) -> Callable[..., AppTest]:
    """The page, with a namespace whose entries would better live longer."""

    def start(operator: bool = True, **logged: Any) -> AppTest:
        open_app(operator=operator)
        log_reads(running(), **logged)
        return open_app("ttl_lab", operator=operator)

    return start


def said(at: AppTest) -> str:
    """All that the page says, with spaces that may break."""
    return texts(at).replace("\u00a0", " ")


def metrics(at: AppTest) -> dict[str, tuple[str, str]]:
    return {one.label: (one.value, one.delta) for one in at.metric}


def advised(app: App) -> tuple[Study, TtlPicture, TtlAdvice]:
    study = app.studies()[NAMESPACE]
    assert isinstance(study.picture, TtlPicture)
    assert isinstance(study.picture.advice, TtlAdvice)
    return study, study.picture, study.picture.advice


def charts(at: AppTest) -> list[dict[str, Any]]:
    return [json.loads(one.proto.spec) for one in at.get("vega_lite_chart")]


def test_the_answer_has_the_numbers_of_the_picture(
    open_lab: Callable[..., AppTest], running: Running
) -> None:
    at = open_lab()
    assert not at.exception
    study, picture, advice = advised(running())
    assert advice.is_change
    assert advice.ttl_s > 300
    present, then = advice.present, advice.advised
    assert not advice.is_level_known, "less than six hours were watched"
    assert (
        f"Entries of `{NAMESPACE}` live **5 min**. With **{words.duration(then.ttl_s)}** the cache "
        f"would serve **{wording.points(advice.points)} more** of all reads; what share that comes "
        "to moves with the traffic, **about "
    ) in said(at)
    level = re.search(r"\*\*about (\d+) % to (\d+) %\*\*", said(at))
    assert level is not None
    assert int(level[1]) <= then.hit_rate * 100 <= int(level[2])
    assert (
        f"about **{wording.share(then.staleness)}** instead of "
        f"{wording.share(present.staleness)} would "
        f"be outdated; the source would run {words.duration(advice.source_s_an_hour)} an hour less."
    ) in said(at)
    assert f"**Confidence: {advice.confidence}** ({advice.confidence_text})" in said(at)
    assert f"**Why not longer:** {advice.reason}" in said(at)
    assert "Hit rates are those of the time watched" in said(at)
    tried = what_if(study, then)
    shown = metrics(at)
    assert shown["Hit rate"] == (wording.share(then.hit_rate), words.points(advice.points))
    assert shown["Outdated reads"][0] == wording.share(then.staleness)
    assert shown["Source an hour"] == (
        words.duration(tried.source_s_an_hour),
        f"-{words.duration(advice.source_s_an_hour)}",
    )
    assert shown["Commands an hour"][0] == wording.number(round(tried.commands_an_hour))
    assert "**600 reads** logged" in said(at)
    assert "**120 recomputes** looked at: 1 found that the data had changed" in said(at)
    assert advice.fit_text in said(at)
    assert picture.budget == 0.05


def test_both_curves_are_drawn_with_the_present_and_the_advised_ttl(
    open_lab: Callable[..., AppTest], running: Running
) -> None:
    at = open_lab()
    _, picture, advice = advised(running())
    rates, outdated = [one.proto.alt for one in at.get("vega_lite_chart")]
    assert f"now: 5 min, {advice.present.hit_rate:.1%}" in rates
    assert f"advised: {words.duration(advice.ttl_s)}, {advice.advised.staleness:.1%}" in outdated
    assert "The budget is 5 %." in outdated
    for spec in charts(at):
        axis = next(
            layer["encoding"]["x"]
            for layer in spec["layer"]
            if "scale" in layer["encoding"].get("x", {})
        )
        assert axis["scale"] == {"type": "log", "domain": [30.0, 3000.0], "nice": False}
        assert {30, 300, 1800} <= set(axis["axis"]["values"])
    assert picture.grid[0].ttl_s == 30


def test_another_ttl_is_tried_out_at_once(
    open_lab: Callable[..., AppTest], running: Running
) -> None:
    at = open_lab()
    study, picture, _ = advised(running())
    other = picture.grid[3]
    at.select_slider(key=TRY).set_value(other.ttl_s).run()
    assert not at.exception
    shown = metrics(at)
    assert shown["Hit rate"][0] == wording.share(other.hit_rate)
    fewer = what_if(study, promise_of(picture, 300)).commands_an_hour
    assert shown["Commands an hour"] == (
        wording.number(round(what_if(study, other).commands_an_hour)),
        f"+{wording.number(round(what_if(study, other).commands_an_hour - fewer))}",
    )
    assert f"what if: {words.duration(other.ttl_s)}" in at.get("vega_lite_chart")[0].proto.alt


def test_a_ttl_that_the_policy_does_not_allow_is_said(open_lab: Callable[..., AppTest]) -> None:
    at = open_lab()
    at.select_slider(key=TRY).set_value(6000.0).run()
    assert "**1.7 h is not allowed.**" in at.warning[0].value
    assert "allows 30 s to 50 min" in at.warning[0].value
    assert not at.metric


def test_another_budget_moves_its_line_and_says_how_far_it_goes(
    open_lab: Callable[..., AppTest], running: Running
) -> None:
    at = open_lab()
    at.slider(key=BUDGET).set_value(20.0).run()
    _, picture, _ = advised(running())
    sure = [one for one in picture.grid if one.staleness_high <= 0.2]
    assert f"**Up to {words.duration(sure[-1].ttl_s)}** at most 20 % of reads" in said(at)
    assert "The advice above goes by 5 %" in said(at)
    assert "The budget is 20 %." in at.get("vega_lite_chart")[1].proto.alt


def test_an_operator_changes_the_ttl_and_takes_it_back(
    open_lab: Callable[..., AppTest], running: Running
) -> None:
    at = open_lab()
    _, _, advice = advised(running())
    at.button(key="retune_lab").click().run()
    assert not at.exception
    assert ttl_now_s(running().cache, NAMESPACE) == advice.ttl_s
    assert f"live for {words.duration(advice.ttl_s)}, not 5 min" in at.success[0].value
    assert "It was retuned; its code says 5 min." in said(at)
    at.button(key="retune_lab_back").click().run()
    assert ttl_now_s(running().cache, NAMESPACE) == 300
    assert "live for 5 min, not" in at.success[0].value
    assert [one.deed for one in running().audit.recent()] == ["retune", "retune"]


def test_a_viewer_reads_it_all_and_cannot_act(open_lab: Callable[..., AppTest]) -> None:
    at = open_lab(operator=False)
    assert not at.exception
    assert "the source would run" in said(at)
    assert at.button(key="retune_lab").disabled
    assert "OPERATOR_PASSWORD" in said(at), "how to become an operator"


def test_too_few_reads_say_how_many_are_missing_and_how_long_that_takes(
    open_lab: Callable[..., AppTest], running: Running
) -> None:
    at = open_lab(number=70, recomputes=0)
    assert not at.exception
    (info,) = [one.value for one in at.info if "needed for a curve" in one.value]
    seen_h = running().studies()[NAMESPACE].seen_s / 3600
    assert info == (
        f"30 more reads needed for a curve. At the present rate, {wording.number(70 / seen_h)} "
        f"reads an hour, that takes about {words.duration(30 / 70 * seen_h * 3600)}."
    )
    assert "No recompute" in said(at)
    assert not at.metric


def test_too_few_recomputes_leave_the_curve(open_lab: Callable[..., AppTest]) -> None:
    at = open_lab(recomputes=0)
    assert not at.exception
    assert "20 more recomputes" in "".join(one.value for one in at.info)
    assert "How long that takes cannot be told yet" in "".join(one.value for one in at.info)
    assert len(at.get("vega_lite_chart")) == 1
    assert metrics(at)["Outdated reads"][0] == words.DASH
    assert "no recompute told yet how data changes" in said(at)
    assert not [one for one in at.button if one.key == "retune_lab"]


def test_a_source_that_was_not_timed_is_left_out(open_lab: Callable[..., AppTest]) -> None:
    at = open_lab(source_s=None)
    assert "how long the source takes was not measured" in said(at)
    assert metrics(at)["Source an hour"][0] == words.DASH


def test_the_most_to_gain_is_looked_at_first_and_another_can_be_chosen(
    open_app: OpenApp, running: Running
) -> None:
    open_app()
    log_reads(running())
    log_reads(running(), number=20, recomputes=0, namespace="user.data")
    at = open_app("ttl_lab")
    choice = at.selectbox(key="ttl_lab_namespace")
    assert choice.value == NAMESPACE
    assert choice.options[0].startswith(f"{NAMESPACE} · +")
    assert "user.data · too little to tell yet" in choice.options
    choice.set_value("user.data").run()
    assert not at.exception
    assert "Entries of `user.data` live **5 min**. Whether" in said(at)
    assert at.session_state["namespace"] == "user.data", "which is in the address"


@pytest.mark.parametrize(
    ("name", "policy", "why"),
    [
        ("slides", Policy(ttl_s=600, sliding=True), "it slides"),
        ("used", Policy(ttl_s=600, keep_by_use=True), "kept by use"),
        ("fixed", Policy(ttl_s=60, ttl_min_s=60, ttl_max_s=60), "allows 60 s and nothing else"),
        ("elsewhere", None, "of another process"),
    ],
)
def test_a_namespace_without_a_ttl_to_choose_says_why(
    open_app: OpenApp, running: Running, name: str, policy: Policy | None, why: str
) -> None:
    open_app()
    app = running()
    if policy is not None:
        app.cache.cached(namespace=name, policy=policy)(abs)
    log_reads(app)
    log_reads(app, number=1, recomputes=0, namespace=name)
    at = open_app()
    at.selectbox(key="namespace").set_value(name).run()
    at.switch_page("pages/ttl_lab.py").run()
    assert not at.exception
    assert why in "".join(one.value for one in at.info)
    assert at.selectbox(key="ttl_lab_namespace").value is None
    assert not at.metric


def test_nothing_was_logged_yet(open_app: OpenApp) -> None:
    at = open_app("ttl_lab")
    assert not at.exception
    assert "No reads were logged yet" in at.info[0].value
    assert "100 reads of a namespace" in at.info[0].value


def test_reads_are_not_logged(open_app: OpenApp) -> None:
    at = open_app("ttl_lab", LOG_READS="false")
    assert not at.exception
    assert "`LOG_READS` is off" in at.warning[0].value


def test_caching_is_off(open_app: OpenApp) -> None:
    at = open_app("ttl_lab", CACHE_ENABLED="off")
    assert not at.exception
    assert "Caching is off, so no reads are logged" in at.info[0].value


def test_the_store_is_out_of_reach(open_app: OpenApp, own_redis_server: RedisServer) -> None:
    own_redis_server.kill()
    at = open_app("ttl_lab", REDIS_URL=own_redis_server.url)
    assert not at.exception
    assert "Redis is out of reach" in at.error[0].value
    assert "cannot be looked at now" in at.info[0].value


def test_files_hold_each_ttl_and_every_namespace(
    open_lab: Callable[..., AppTest], running: Running, files: Files
) -> None:
    open_lab()
    _, picture, advice = advised(running())
    assert any(name.startswith(f"cache-ttl_lab-logged-{NAMESPACE}-memory") for name in files.names)
    rows = files.csv()
    assert [float(row["ttl_s"]) for row in rows] == [one.ttl_s for one in picture.grid]
    assert float(rows[4]["hit_rate"]) == pytest.approx(picture.grid[4].hit_rate)
    found = files.json()
    assert found["advised_ttl_s"] == f"{advice.ttl_s:g}"
    assert found["namespaces"][0]["namespace"] == NAMESPACE
    assert "Entries of dashboard.stats live 5 min" in found["answer"]
    html = files.html()
    assert "<svg" in html
    assert "Outdated reads against TTL" in html


def test_recommendations_and_overview_give_the_same_advice(
    open_lab: Callable[..., AppTest], open_app: OpenApp, running: Running
) -> None:
    open_lab()
    _, _, advice = advised(running())
    wanted = f"Entries live 5 min; with {words.duration(advice.ttl_s)} more reads would be served."
    for page in ("recommendations", ""):
        at = open_app(page)
        at.segmented_control(key="window").set_value("24h").run()
        assert not at.exception
        assert wanted in texts(at)
        assert "although their data has not changed" not in texts(at), "the older rule's words"
    at = open_app("recommendations")
    at.segmented_control(key="window").set_value("24h").run()
    at.button(key=f"act_best_ttl_{NAMESPACE}").click().run()
    assert ttl_now_s(running().cache, NAMESPACE) == advice.ttl_s
