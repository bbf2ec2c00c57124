"""Dataclasses, enums, named tuples, pydantic models: kept if the return annotation names them."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict

from cache_core import Cache
from tests.cache.helpers import Events, finish_background
from tests.cache.test_values import Unknown

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "r"


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    left: int
    right: list[Colour]


@dataclass(frozen=True, slots=True)
class Inner:
    colour: Colour
    numbers: tuple[int, ...] = ()


@dataclass
class Outer:
    inner: Inner | None
    by_name: dict[str, Inner] = field(default_factory=dict)
    computed: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.computed = 7


@dataclass
class Box(Generic[T]):
    content: T


@dataclass(frozen=True)
class Subclassed(Inner):
    more: int = 0


class Item(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    colour: Colour = Colour.RED


class Order(BaseModel):
    items: list[Item]
    outer: Outer | None = None


INNER = Inner(Colour.RED, (1, 2))


def pair() -> Pair:
    return Pair(1, [Colour.RED])


def level() -> list[Level]:
    return [Level.LOW]


def rights() -> Right:
    return Right.READ | Right.WRITE


def outer() -> Outer:
    return Outer(INNER, {"a": INNER})


def maybe() -> Outer | None:
    return Outer(None)


def several() -> list[tuple[str, Inner]]:
    return [("a", INNER)]


def box() -> Box[Inner]:
    return Box(INNER)


def order() -> Order:
    return Order(items=[Item(name="a"), Item(name="b", unasked="kept")], outer=Outer(INNER))  # type: ignore[call-arg]


@pytest.mark.parametrize("source", [pair, level, rights, outer, maybe, several, box, order])
def test_a_model_that_the_annotation_names_is_kept(
    cache: Cache, source: Callable[[], object]
) -> None:
    read = cache.cached("ns", ttl_s=60)(source)
    missed = read()
    found = read.read()
    assert found.outcome == "hit"
    assert found.value == missed
    assert type(found.value) is type(missed)
    assert repr(found.value) == repr(missed)


def test_which_fields_of_a_pydantic_model_were_set_is_kept(cache: Cache) -> None:
    read = cache.cached("ns", ttl_s=60)(order)
    assert read().items[0].model_fields_set == read().items[0].model_fields_set == {"name"}


def not_named() -> object:
    return INNER


def a_subclass() -> Inner:
    return Subclassed(Colour.RED)


def half_made() -> Outer:
    made = Outer(None)
    del made.by_name
    return made


def with_more_attributes() -> Outer:
    made = Outer(None)
    made.extra = 1  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize(
    "source", [not_named, a_subclass, half_made, with_more_attributes, Unknown]
)
def test_a_model_that_would_not_come_back_exactly_is_returned_and_counted(
    cache: Cache, events: Events, source: Callable[[], Any]
) -> None:
    read = cache.cached("ns", ttl_s=60)(source)
    read()
    finish_background(cache)
    assert read.read().outcome == "miss"
    assert events.incidents["uncacheable"] == 2


def test_a_class_is_never_chosen_by_the_stored_bytes(cache: Cache, events: Events) -> None:
    """Another function's entry for the same key names a class that this one's annotation does
    not."""
    cache.cached("ns", ttl_s=60, key=lambda: 1)(several)()
    other = Cache(cache.store, recorder=events)

    def plain() -> list[int]:
        return [1]

    assert other.cached("ns", ttl_s=60, key=lambda: 1)(plain)() == [1]
    assert events.outcomes[-1] == "miss.damaged"


def test_an_annotation_that_exists_only_for_the_type_checker_does_no_harm(cache: Cache) -> None:
    def source() -> OnlyForTypes:  # type: ignore[name-defined]  # noqa: F821
        return [1]

    read: Callable[[], Any] = cache.cached("ns", ttl_s=60)(source)
    assert read() == [1]


@dataclass
class HalfKnown:
    later: OnlyForTypes  # type: ignore[name-defined]  # noqa: F821


def test_a_model_with_such_a_field_does_no_harm(cache: Cache) -> None:
    def source() -> HalfKnown:
        return HalfKnown(1)

    assert cache.cached("ns", ttl_s=60)(source)() == HalfKnown(1)
