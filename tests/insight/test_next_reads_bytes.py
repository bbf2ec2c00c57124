"""What was learned, as bytes: back again, cut to size, and refused when it is not ours."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache_core.insight.next_read import NextReads
from cache_core.insight.next_reads_bytes import _MARK, decode
from tests.insight.test_next_read import taught, walks

_KEYS = st.text(st.characters(), max_size=3)
_READS = st.lists(
    st.tuples(st.integers(0, 3), _KEYS, st.floats(-1e9, 1e9, allow_nan=False)), max_size=60
)
_ROOM = 1_000_000


def sealed(text: bytes) -> bytes:
    """Foreign contents behind a mark and a digest that are right."""
    body = zlib.compress(text)
    return _MARK + hashlib.blake2b(_MARK + body, digest_size=8).digest() + body


@settings(max_examples=60, deadline=None)
@given(_READS, st.sampled_from([None, 1.0, 1e6]))
def test_what_was_learned_comes_back(found: list[tuple[int, str, float]], half_life_s: Any) -> None:
    reads = NextReads(half_life_s=half_life_s, keys_max=40)
    for session, key, at_s in found:
        reads.observe(session, key, at_s)
    again = NextReads.from_bytes(reads.to_bytes(_ROOM))
    assert again.entries == reads.entries
    for key in {key for _, key, _ in found}:
        said, repeated = dict(reads.predict([key], 100)), dict(again.predict([key], 100))
        # Which of equally popular keys are listed at all is left open.
        both = said.keys() & repeated.keys()
        assert bool(both) == bool(said) == bool(repeated)
        assert {name: repeated[name] for name in both} == pytest.approx(
            {name: said[name] for name in both}, rel=0.02, abs=1e-4
        )
        rate = reads.read_by_anyone(key, 0.1, 60.0)
        assert again.read_by_anyone(key, 0.1, 60.0) == pytest.approx(rate, rel=0.02)


def test_open_sessions_stay_behind() -> None:
    reads = taught(walks(20))
    assert reads.recent(3)
    assert NextReads.from_bytes(reads.to_bytes(_ROOM)).recent(3) == ()


def test_nothing_learned_comes_back_as_nothing() -> None:
    assert NextReads.from_bytes(NextReads(keys_max=7).to_bytes(1000)).predict(["a"]) == []


def test_replicas_that_add_each_others_bytes_know_what_both_saw() -> None:
    sessions = walks(600)
    whole, first, second = taught(sessions), taught(sessions[:300]), taught(sessions[300:])
    first.add(NextReads.from_bytes(second.to_bytes(_ROOM)))
    for key in "abcd":
        expected = dict(whole.predict([key], 4))
        assert dict(first.predict([key], 4)) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("room", [3000, 4000, 6000, 10_000])
def test_what_does_not_fit_is_what_was_seen_least(room: int) -> None:
    reads = NextReads(half_life_s=None)
    chance = random.Random(4)
    for number in range(3000):
        reads.observe(number, f"rare-{chance.randrange(2000)}", 0)
        reads.observe(number, "often" if number % 3 else f"rare-{number}", 0)
        reads.observe(number, "then" if number % 3 else f"rarely-{number}", 0)
    raw = reads.to_bytes(room)
    assert room * 0.9 < len(raw) <= room
    again = NextReads.from_bytes(raw)
    assert again.entries < reads.entries
    assert again.predict(["often"], 1)[0] == pytest.approx(("then", 1.0), abs=0.1)


def test_too_little_room_for_the_sums_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="50 bytes"):
        taught(walks(20)).to_bytes(50)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_anywhere_is_refused(data: st.DataObject) -> None:
    raw = taught(walks(10)).to_bytes(_ROOM)
    place = data.draw(st.integers(0, len(raw) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda value: value != raw[place]))
    for wrong in (raw[:place], raw[:place] + bytes([other]) + raw[place + 1 :], raw + b"x"):
        with pytest.raises(ValueError, match="not bytes of"):
            NextReads.from_bytes(wrong)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_whatever_they_are(raw: bytes) -> None:
    for wrong in (raw, sealed(raw)):
        with pytest.raises(ValueError, match="not bytes of"):
            NextReads.from_bytes(wrong)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_well_sealed_nonsense_is_a_value_error_or_harmless(data: st.DataObject) -> None:
    """One part of good contents replaced by anything that JSON can hold."""
    raw = taught(walks(5)).to_bytes(_ROOM)
    lines = [json.loads(line) for line in zlib.decompress(raw[len(_MARK) + 8 :]).split(b"\n")]
    at: Any = lines
    while True:
        place = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if not at[place] or not isinstance(at[place], list | dict) or data.draw(st.booleans()):
            break
        at = at[place]
    at[place] = data.draw(_PLAIN)
    try:
        reads = NextReads.from_bytes(sealed("\n".join(map(json.dumps, lines)).encode()))
    except ValueError:
        return
    NextReads.from_bytes(reads.to_bytes(_ROOM))
    reads.observe("s", "a", 0)
    assert all(0 <= chance <= 1 for _, chance in reads.predict(["a", "b"], 9))


@pytest.mark.parametrize("text", [b"[" * 100_000, b"0" * 2**27, b"9" * 5000, b"{}", b"[1]\n[2]"])
def test_bombs_and_depths_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="not bytes of"):
        decode(sealed(text))
