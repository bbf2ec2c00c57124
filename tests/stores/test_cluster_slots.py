"""Who has which slots, as nodes tell it, and how long a node that fails is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from cache_core.stores.cluster_slots import Nodes, SlotMap, slot_of
from cache_core.stores.cluster_url import Node
from cache_core.stores.replies import NoAnswerError

SEED, OTHER, THIRD = Node("seed", 1), Node("other", 2), Node("third", 3)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_slots_have_the_first_node_named_with_them_as_owner() -> None:
    slots = SlotMap([SEED])
    slots.replace(
        [[0, 99, [b"other", 2, b"id"], [b"third", 3, b"id"]], [100, 100, [b"third", 3]]], SEED
    )
    assert [slots.owner(slot) for slot in (0, 99, 100, 101)] == [OTHER, OTHER, THIRD, None]
    assert slots.primaries == (OTHER, THIRD)
    assert slots.nodes == (OTHER, THIRD, SEED)


@pytest.mark.parametrize("host", [b"", None])
def test_a_node_without_an_address_is_the_one_that_was_asked(host: bytes | None) -> None:
    slots = SlotMap([SEED])
    slots.replace([[0, 16383, [host, 7, b"id"]]], SEED)
    assert slots.owner(5) == Node("seed", 7)


@pytest.mark.parametrize(
    "reply",
    [None, 1, b"OK", [], [[0, 1]], [[0, 99999, [b"h", 1]]], [[b"a", b"b", [b"h", 1]]], [[0, 1, 2]]],
)
def test_an_answer_of_the_wrong_form_changes_nothing(reply: Any) -> None:
    slots = SlotMap([SEED])
    slots.learn(3, OTHER)
    with pytest.raises(NoAnswerError):
        slots.replace(reply, SEED)
    assert slots.owner(3) == OTHER
    assert slots.primaries == ()


def test_the_slot_of_a_script_is_that_of_its_key() -> None:
    assert slot_of(("EVAL", "return 1", 1, b"p:e:{x}")) == slot_of(("GET", b"p:l:{x}"))


def test_a_node_is_refused_after_three_failures_but_for_one_try_every_two_seconds() -> None:
    clock = Clock()
    nodes = Nodes(clock)
    for _ in range(3):
        assert not nodes.refuses(OTHER)
        nodes.failed(OTHER)
    assert nodes.refuses(OTHER)
    clock.now += 2
    assert [nodes.refuses(OTHER) for _ in range(3)] == [False, True, True]
    nodes.answered(OTHER, served=False)
    assert not nodes.refuses(OTHER)


def test_some_node_serves_if_it_did_within_five_seconds() -> None:
    clock = Clock()
    nodes = Nodes(clock)
    nodes.answered(SEED, served=False)
    assert not nodes.any_serves()
    nodes.answered(OTHER, served=True)
    nodes.failed(SEED)
    assert nodes.any_serves()
    clock.now += 5
    assert not nodes.any_serves()
