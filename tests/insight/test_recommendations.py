"""Each rule on counts that just meet it and just do not; its numbers are worked out beside it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cache_core.insight.recommendations import Measured, PastDeed, Recommendation, recommend
from cache_core.policy import Policy
from cache_core.stores import StoreInfo
from cache_core.telemetry import Counts, Step
from tests.insight.measured import BEGIN_S, END_S, counts, figures, measured

POLICY = Policy(ttl_s=60)


def given(rule: str, found: Counts, policy: Policy | None = None, **more: Any) -> Any:
    """What the rule says of these counts; None if nothing."""
    advice = recommend(measured(found, policy, **more))
    return next((one for one in advice.recommendations if one.rule == rule), None)


# Longer ttl


def expiring(unchanged: int = 100, changed: int = 0, expired: int = 100, hits: int = 300) -> Counts:
    return counts(
        {"source": (max(expired, 1), 0.5)},
        hit=hits,
        miss__expired=expired,
        unchanged=unchanged,
        changed=changed,
    )


def test_a_ttl_too_short_is_advised_longer_with_its_effect() -> None:
    one = given("longer_ttl", expiring(), POLICY)
    # x = 300 / 100 = 3 reads a life; ten times the life leaves (1 + 3) / (1 + 30) of the expiries.
    left = 4 / 31
    assert one.effect.reads == pytest.approx(100 * (1 - left))
    assert one.effect.points == pytest.approx(100 * (1 - left) / 400)
    assert one.effect.source_s == pytest.approx(100 * (1 - left) * 0.5)
    assert one.action.verb == "retune"
    assert one.action.ttl_s == 600
    # One change in 102: z = -ln(1 - 1/102) = 0.00985; ten times that leaves 4.77 % outdated.
    z = -math.log(1 - 1 / 102)
    stale = 1 - (1 - math.exp(-10 * z)) / (10 * z)
    assert f"at most {stale * 100:.1f} % of reads outdated (now 0.5 %)" in one.expected_effect
    assert "21.8 points" in one.expected_effect
    assert "100 % of 100 recomputes" in one.evidence
    assert (one.severity, one.confidence) == ("High", "medium")


@pytest.mark.parametrize(
    ("unchanged", "factor"),
    # With p = 1 / (n + 2), the longest life that leaves at most 5 % outdated: few recomputes
    # without a change allow little.
    [(20, 2), (40, 4), (100, 10)],
)
def test_the_less_is_known_the_less_longer(unchanged: int, factor: float) -> None:
    one = given("longer_ttl", expiring(unchanged), POLICY)
    assert one.action.ttl_s == 60 * factor


@pytest.mark.parametrize(
    "found",
    [
        expiring(unchanged=19),
        expiring(unchanged=89, changed=11),
        expiring(unchanged=0, changed=100),
        expiring(expired=0),
        # 500 of 50,000 expire, x = 100, left = 101 / 1001: 0.9 points, 0 s of source time
        counts(hit=49_500, miss__expired=495, unchanged=495),
    ],
)
def test_no_longer_ttl_without_ground(found: Counts) -> None:
    assert given("longer_ttl", found, POLICY) is None


def test_data_that_changes_is_not_advised_longer_however_long_its_ttl() -> None:
    assert given("longer_ttl", expiring(unchanged=2, changed=98), Policy(ttl_s=86_400)) is None


def test_a_longer_ttl_stays_within_what_the_policy_allows() -> None:
    one = given("longer_ttl", expiring(1000), Policy(ttl_s=60, ttl_max_s=200))
    assert one.action.ttl_s == 180
    assert given("longer_ttl", expiring(1000), Policy(ttl_s=60, ttl_max_s=89)) is None
    one = given("longer_ttl", expiring(1000), POLICY, retuned_s={"ns": 300})
    assert one.action.ttl_s == 600, "ten times what its code says, not what it was retuned to"


def test_no_longer_ttl_for_what_slides_grows_by_use_or_is_not_known_here() -> None:
    assert given("longer_ttl", expiring(), Policy(ttl_s=60, sliding=True)) is None
    assert given("longer_ttl", expiring(), Policy(ttl_s=60, keep_by_use=True)) is None
    assert given("longer_ttl", expiring()) is None


def test_after_a_change_of_the_ttl_only_what_had_the_new_one_counts() -> None:
    early, late = BEGIN_S, BEGIN_S + 1800
    half = expiring()
    steps = (Step(early, {"ns": half}), Step(late, {"ns": expiring(30, 0, 30)}))
    deed = PastDeed("retune", "ns", late - 120.0)
    more: dict[str, Any] = {"steps": steps, "retuned_s": {"ns": 120.0}}
    one = given("longer_ttl", expiring(130, 0, 130, 600), POLICY, deeds=[deed], **more)
    assert "30 recomputes" in one.evidence
    just_now = PastDeed("retune", "ns", late - 119.0)
    assert given("longer_ttl", half, POLICY, deeds=[just_now], **more) is None
    assert given("longer_ttl", half, POLICY, deeds=None, **more) is None, "the audit is not known"


# Seldom read again


def unread(cold: int = 100, hits: int = 30, **more: int) -> Counts:
    return counts(hit=hits, miss__cold=cold, **more)


def test_entries_that_serve_nobody_are_counted_as_a_lower_bound() -> None:
    one = given("seldom_read_again", unread(), POLICY)
    assert "at least 70 of 100 entries (70 %)" in one.evidence
    assert one.effect.commands == 4 * 70
    assert one.action.verb == "clear"


@pytest.mark.parametrize(
    "found",
    [
        unread(hits=31),
        unread(cold=49, hits=0),
        unread(shared=51),  # 49 were computed
    ],
)
def test_entries_are_not_said_unread_without_ground(found: Counts) -> None:
    assert given("seldom_read_again", found, POLICY) is None


def test_entries_that_may_be_read_yet_are_not_said_unread() -> None:
    assert given("seldom_read_again", unread(), Policy(ttl_s=900)) is not None
    assert given("seldom_read_again", unread(), Policy(ttl_s=901)) is None
    steps = (Step(int(END_S) - 180, {"ns": unread()}),)  # it began three minutes ago
    assert given("seldom_read_again", unread(), POLICY, steps=steps) is None


# Invalidations


def test_misses_by_invalidation() -> None:
    found = counts({"source": (40, 2.0)}, hit=360, miss__invalidated=20, miss__cold=20)
    one = given("invalidated_mostly", found)
    assert "20 of 40 misses (20 cold, 20 invalidated)" in one.evidence
    assert one.effect.points == 20 / 400
    assert one.effect.source_s == pytest.approx(40.0)
    assert one.effect.is_bound
    assert one.severity == "Medium"


@pytest.mark.parametrize(
    "found",
    [
        counts(hit=300, miss__invalidated=19),
        counts(hit=300, miss__invalidated=20, miss__cold=21),
        counts(hit=381, miss__invalidated=20),
    ],
)
def test_not_said_of_fewer_invalidations(found: Counts) -> None:
    assert given("invalidated_mostly", found) is None


# Clears


def around_clear(hits_after: int, misses_after: int) -> Recommendation | None:
    clear_s = BEGIN_S + 1830.0
    was = counts({"source": (20, 1.0)}, hit=80, miss__cold=20)
    became = counts({"source": (20, 1.0)}, hit=hits_after, miss__cold=misses_after)
    steps = (
        Step(BEGIN_S + 1740, {"ns": was}),
        Step(BEGIN_S + 1800, {"ns": counts(hit=1000)}),  # the minute of the clear
        Step(BEGIN_S + 1860, {"ns": became}),
    )
    deeds = [PastDeed("clear", "ns", clear_s)]
    found: Recommendation | None = given(
        "rating_fell_after_clear", counts(hit=1200), steps=steps, deeds=deeds
    )
    return found


def test_a_rating_that_fell_after_a_clear() -> None:
    one = around_clear(40, 60)
    assert one is not None
    assert "from Excellent to Poor" in one.finding
    assert "80 % of 100 lookups before, 40 % of 100" in one.evidence
    assert one.effect.points == pytest.approx(0.4)
    # 40 reads more missed in the 1770 s since, at 1 s of source each
    assert one.effect.source_s == pytest.approx(40 * 3600 / 1770)
    assert one.action is not None
    assert one.action.verb == "warm"


@pytest.mark.parametrize(("hits", "misses"), [(80, 20), (90, 10), (5, 14)])
def test_a_clear_that_changed_no_rating_is_no_finding(hits: int, misses: int) -> None:
    assert around_clear(hits, misses) is None


# The source


def test_errors_of_the_source() -> None:
    one = given("source_errors", counts(hit=245, error=5), POLICY)
    assert "5 of 250 reads (2 %) raised" in one.evidence
    assert (one.severity, one.effect.reads, one.effect.points) == ("Medium", 5, 5 / 250)
    assert "stale_if_error_s" in one.finding
    assert given("source_errors", counts(hit=95, error=5)).severity == "High"
    assert given("source_errors", counts(hit=246, error=5)) is None
    assert given("source_errors", counts(hit=30, error=4)) is None


def test_what_was_so_in_the_window_before_is_said() -> None:
    before = counts(hit=99, error=1)
    assert (
        "1 % in the window before"
        in given("source_errors", counts(hit=90, error=10), before=before).evidence
    )
    assert (
        "before"
        not in given(
            "source_errors", counts(hit=90, error=10), before=counts(hit=18, error=1)
        ).evidence
    )


@pytest.mark.parametrize("rule", ["oversize", "uncacheable"])
def test_values_that_are_not_kept(rule: str) -> None:
    found = counts({"source": (5, 3.0)}, hit=495, miss__cold=5, **{rule: 5})
    one = given(rule, found, POLICY)
    assert (one.effect.reads, one.effect.points) == (5, 0.01)
    assert one.effect.source_s == pytest.approx(15.0)
    assert "5 values" in one.evidence
    assert given(rule, counts(hit=496, miss__cold=5, **{rule: 5})) is None
    assert given(rule, counts(hit=95, miss__cold=5, **{rule: 4})) is None


def test_readers_that_wait() -> None:
    found = counts({"source": (10, 2.0)}, hit=480, miss__cold=20, shared=6, waited_out=4)
    one = given("readers_wait", found, POLICY)
    assert one.effect.reads == 10
    assert (one.effect.reader_s, one.effect.source_s) == (
        pytest.approx(12.0),
        pytest.approx(8.0),
    )
    assert "stale_while_revalidate_s" in one.finding
    assert one.severity == "Low"
    five = counts(hit=480, miss__cold=20, shared=5, waited_out=5)
    assert given("readers_wait", five).severity == "Medium"
    assert given("readers_wait", counts(hit=80, miss__cold=20, shared=9)) is None
    assert given("readers_wait", counts(hit=481, miss__cold=20, shared=10)) is None


@pytest.mark.parametrize("rule", ["refresh_failed", "refresh_skipped"])
def test_refreshes_that_come_to_nothing(rule: str) -> None:
    one = given(rule, counts(hit=100, stale=7, refreshed=95, **{rule: 5}))
    assert "5 of 100 refreshes (5 %)" in one.evidence
    assert "7 reads got a stale answer" in one.evidence
    assert one.effect.reads == 5
    assert given(rule, counts(hit=100, refreshed=96, **{rule: 5})) is None
    assert given(rule, counts(hit=100, **{rule: 4})) is None


# The store


def slow_store(hits: int = 50, sources: int = 20, hit_s: float = 0.02) -> Counts:
    return counts(
        {"hit": (hits, hit_s), "miss": (sources, 0.03), "source": (sources, 0.01)},
        hit=hits,
        miss__cold=sources,
    )


def test_a_store_slower_than_the_source() -> None:
    one = given("store_slower_than_source", slow_store())
    # 50 * 20 ms + 20 * 30 ms, where 70 * 10 ms would have done
    assert one.effect.reader_s == pytest.approx(0.9)
    assert one.effect.source_s == pytest.approx(-0.5)
    assert one.effect.commands == 70 + 3 * 20
    assert "costs 500 ms more source time" in one.expected_effect
    for found in (slow_store(hits=49), slow_store(sources=19), slow_store(hit_s=0.009)):
        assert given("store_slower_than_source", found) is None


def of_store(info: StoreInfo | None) -> Recommendation | None:
    found = counts({"source": (10, 1.0)}, hit=90, miss__cold=10)
    one: Recommendation | None = given("memory_short", found, info=info)
    return one


def test_a_store_that_is_full_and_evicts() -> None:
    one = of_store(StoreInfo(used_bytes=90, limit_bytes=100, evicted=3))
    assert one is not None
    assert (one.severity, one.namespace) == ("High", "")
    # At most 3 of the 10 cold misses were evicted
    assert (one.effect.reads, one.effect.source_s, one.effect.points) == (3, 3.0, 0.03)
    assert "90 % of" in one.evidence


def test_a_store_that_is_full_or_evicted_only() -> None:
    full, evicted = StoreInfo(used_bytes=90, limit_bytes=100), StoreInfo(evicted=99)
    one = of_store(full)
    assert one is not None
    assert (one.severity, one.effect.reads) == ("Medium", 0)
    assert "evictions: not reported" in one.evidence
    other = of_store(evicted)
    assert other is not None
    assert (other.severity, other.confidence, other.effect.reads) == ("Low", "low", 10)
    assert "does not report" in other.evidence


@pytest.mark.parametrize(
    "info",
    [
        None,
        StoreInfo(),
        StoreInfo(used_bytes=10**12),
        StoreInfo(limit_bytes=100),
        StoreInfo(used_bytes=89, limit_bytes=100, evicted=0),
    ],
)
def test_nothing_is_concluded_from_what_a_store_does_not_report(info: StoreInfo | None) -> None:
    assert of_store(info) is None


def hot(hits: int = 3600, store_s: float = 0.0011, misses: int = 60) -> Counts:
    return counts(
        {"store": (100, store_s), "hit": (hits, 0.002)},
        hit=hits,
        miss__cold=misses,
    )


def test_a_hot_namespace_without_copies_near_by() -> None:
    one = given("near_copies_missing", hot(), Policy(ttl_s=100))
    # 60 reads a life of 100 s; a copy of 5 s has 3 of them: 3 / 4 are answered near by.
    assert "near_ttl_s=5" in one.finding
    assert one.effect.commands == pytest.approx(2700)
    assert one.effect.reader_s == pytest.approx(2700 * 0.002)
    # Twelve processes share them: 0.25 reads a copy, and 0.2 of them near by. Thirteen: less.
    assert given("near_copies_missing", hot(), Policy(ttl_s=100), replicas=12) is not None
    assert given("near_copies_missing", hot(), Policy(ttl_s=100), replicas=13) is None


@pytest.mark.parametrize(
    ("found", "policy"),
    [
        (hot(hits=3599), Policy(ttl_s=100)),
        (hot(store_s=0.0009), Policy(ttl_s=100)),
        (hot(), Policy(ttl_s=100, near_ttl_s=1)),
        (hot(misses=1), Policy(ttl_s=9.9)),
        (hot(), None),
    ],
)
def test_no_copies_near_by_without_ground(found: Counts, policy: Policy | None) -> None:
    assert given("near_copies_missing", found, policy) is None


def test_copies_near_by_that_are_hardly_used() -> None:
    near = Policy(ttl_s=60, near_ttl_s=5)
    one = given("near_copies_unused", counts(hit=101, near_hit=1), near)
    assert "1 of 101 reads" in one.evidence
    assert "1 more command an hour" in one.expected_effect
    assert given("near_copies_unused", counts(hit=100, near_hit=1), near) is None
    assert given("near_copies_unused", counts(hit=99), near) is None
    assert given("near_copies_unused", counts(hit=101), POLICY) is None


# All together


def test_too_little_is_said_with_what_is_missing() -> None:
    advice = recommend(measured(counts(error=19)))
    assert not advice.recommendations
    assert not advice.looked_at
    (one,) = advice.too_little
    assert (one.lookups, one.missing) == (19, 1)
    assert "19 lookups; 1 more" in one.text
    assert recommend(measured(counts(error=20))).recommendations


def test_the_worst_comes_first_and_a_namespace_can_be_chosen() -> None:
    totals = {
        "few": counts(hit=5),
        "fine": counts(hit=100),
        "medium": counts(hit=970, error=30),
        "bad": counts(hit=80, error=20),
        "surer": counts(hit=800, error=200),
    }
    info = StoreInfo(evicted=1)
    advice = recommend(Measured(figures(totals), info=info))
    order = [(one.severity, one.namespace) for one in advice.recommendations]
    assert order == [("High", "surer"), ("High", "bad"), ("Medium", "medium"), ("Low", "")]
    assert advice.looked_at == ("fine", "medium", "bad", "surer")
    only = recommend(Measured(figures(totals), info=info), "bad")
    assert [one.namespace for one in only.recommendations] == ["bad"]
    assert not only.too_little
