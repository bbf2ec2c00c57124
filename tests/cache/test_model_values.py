"""Models of every make come back exactly, from any values; those that would not are refused."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr, RootModel

from cache_core import Cache, codec
from tests.cache.helpers import Events

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Point(NamedTuple):
    x: int
    y: float | None = None


class Derived(Point):
    """May be given attributes, as it has no slots."""


@dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    point: Point | None = None


@dataclass
class Computing:
    """What it computes once must be found, not computed again."""

    number: int
    frozen: list[Frozen] = field(default_factory=list)
    made: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.made = self.number + 1


@dataclass(slots=True)
class Deeper(Computing):
    colour: Colour = Colour.RED


@dataclass
class Box(Generic[T]):
    content: T


@dataclass
class FrozenBox(Box[Frozen]):
    count: int = 0


class User(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str
    colour: Colour | None = None

    def model_post_init(self, context: object) -> None:
        """What it looks at is there from the beginning."""
        assert self.name is not None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    users: dict[str, User] = {}
    frozen: Frozen | None = None


class Page(BaseModel, Generic[T]):
    items: list[T]
    next_page: int | None = None


class Users(Page[User]):
    total: int = 0


class Names(RootModel[list[str]]):
    """A model that is a list at its root."""


class Secretive(BaseModel):
    name: str
    _token: str | None = PrivateAttr()


class All(NamedTuple):
    """Names every model in its fields, and so in a function's annotation."""

    a: Derived
    b: Computing
    c: Deeper
    d: FrozenBox
    e: Open
    f: Page[User]
    g: Users
    h: Names
    i: Secretive
    j: Box[Page[Point]]


NAMES = st.text(max_size=3)
POINTS = st.builds(Point, st.integers(), st.none() | st.floats(allow_nan=False))
DERIVED = st.builds(Derived, st.integers())
COLOURS = st.sampled_from(Colour)
FROZEN = st.builds(Frozen, NAMES, st.none() | POINTS)
FROZENS = st.lists(FROZEN, max_size=2)
COMPUTING = st.builds(Computing, st.integers(), FROZENS)
DEEPER = st.builds(Deeper, st.integers(), FROZENS, COLOURS)
USERS = st.builds(User, name=NAMES) | st.builds(User, name=NAMES, colour=st.none() | COLOURS)
MORE = st.dictionaries(st.sampled_from(["more", "!", "ü"]), st.integers() | NAMES, max_size=2)
OPEN = st.builds(
    lambda users, frozen, more: Open(users=users, frozen=frozen, **more),
    st.dictionaries(NAMES, USERS, max_size=2),
    st.none() | FROZEN,
    MORE,
)
ITEMS = st.lists(USERS, max_size=2)
MODELS = st.one_of(
    POINTS,
    DERIVED,
    FROZEN,
    COMPUTING,
    DEEPER,
    st.builds(FrozenBox, FROZEN, st.integers()),
    USERS,
    OPEN,
    st.builds(lambda items: Page[User](items=items), ITEMS),
    st.builds(lambda items: Page(items=items), ITEMS),
    st.builds(lambda items: Users(items=items, total=1, next_page=2), ITEMS),
    st.builds(Names, st.lists(NAMES, max_size=2)),
    st.builds(Secretive, name=NAMES),
    st.builds(lambda point: Box(Page[Point](items=[point])), POINTS),
)


def assert_same(one: Any, other: Any) -> None:
    """The same in every type, field and attribute, however deep."""
    assert type(one) is type(other)
    if isinstance(one, BaseModel):
        for part in ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__"):
            assert_same(getattr(one, part), getattr(other, part))
        assert one.__pydantic_private__ == other.__pydantic_private__
    elif dataclasses.is_dataclass(one):
        assert getattr(one, "__dict__", {}).keys() == getattr(other, "__dict__", {}).keys()
        for each in dataclasses.fields(one):
            assert_same(getattr(one, each.name), getattr(other, each.name))
    elif isinstance(one, dict):
        assert_same(list(one.items()), list(other.items()))
    elif isinstance(one, (list, tuple)):
        assert getattr(one, "__dict__", {}) == getattr(other, "__dict__", {})
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    elif isinstance(one, set):
        assert one == other
    else:
        assert (one, repr(one)) == (other, repr(other))


KNOWN = codec.models_named_by(All)


@given(st.lists(MODELS, max_size=3))
@settings(deadline=None)
def test_models_come_back_exactly(value: list[Any]) -> None:
    assert_same(codec.decode(*codec.encode(value, KNOWN), KNOWN), value)


@given(MODELS, st.sampled_from(["extra", "x"]), st.integers())
@settings(deadline=None)
def test_models_with_more_than_their_fields_come_back_exactly_or_are_refused(
    value: Any, name: str, more: int
) -> None:
    held = getattr(value, "__dict__", None)
    if held is not None:
        held[name] = more
    try:
        written = codec.encode(value, KNOWN)
    except codec.UncacheableError:
        return
    assert_same(codec.decode(*written, KNOWN), value)


def with_attribute() -> Derived:
    made = Derived(1)
    made.note = "n"  # type: ignore[attr-defined]
    return made


class Slotted:
    __slots__ = ("hidden",)


@dataclass
class OnSlots(Slotted):
    x: int


def with_slot() -> OnSlots:
    made = OnSlots(1)
    made.hidden = 2  # type: ignore[attr-defined]
    return made


@dataclass
class FailedError(Exception):
    code: int


def with_args() -> FailedError:
    made = FailedError(5)
    made.args = ("a text of its own",)
    return made


@dataclass(eq=False)
class Rows(list[int]):
    name: str = ""


def rows() -> Rows:
    made = Rows("n")
    made.append(1)
    return made


@dataclass
class Doubling:
    half: int


def _double(self: Any) -> int:
    return 2 * int(vars(self)["half"])


# As a class does that wraps its field after it was made.
Doubling.half = property(_double, lambda self, half: vars(self).update(half=half))  # type: ignore[assignment]


def doubling() -> Doubling:
    return Doubling(1)


def secretive() -> Secretive:
    made = Secretive(name="a")
    made._token = "t"
    return made


def half_made() -> Users:
    return Users.model_construct(total=1)


@pytest.mark.parametrize(
    "source", [with_attribute, with_slot, with_args, rows, doubling, secretive, half_made]
)
def test_what_would_not_come_back_exactly_is_returned_counted_and_said_once(
    cache: Cache, events: Events, source: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    read = cache.cached("ns", ttl_s=60)(source)
    for _ in range(2):
        assert_same(read(), source())
    assert events.outcomes == ["miss.cold", "miss.cold"]
    assert events.incidents["uncacheable"] == 2
    assert len([line for line in caplog.messages if "not cached" in line]) == 1


def test_a_slot_that_is_not_set_does_no_harm(cache: Cache) -> None:
    def source() -> OnSlots:
        return OnSlots(1)

    read = cache.cached("ns", ttl_s=60)(source)
    read()
    assert read.read().outcome == "hit"


SEEN: list[str] = []


class Telling(BaseModel):
    name: str = "by default"

    def model_post_init(self, context: object) -> None:
        SEEN.append(self.name)


def telling() -> Telling:
    return Telling(name="a")


def test_a_hit_runs_no_code_of_the_model(cache: Cache) -> None:
    read = cache.cached("ns", ttl_s=60)(telling)
    read()
    SEEN.clear()
    assert read.read().outcome == "hit"
    assert SEEN == []


def page() -> Page[User]:
    return Page[User](items=[User(name="a")])


def page_by_its_origin() -> Page[User]:
    return Page(items=[User(name="a")])


def users() -> Users:
    return Users(items=[User(name="a")])


def frozen_box() -> FrozenBox:
    return FrozenBox(Frozen("a"))


@pytest.mark.parametrize("source", [page, page_by_its_origin, users, frozen_box])
def test_a_model_whose_type_parameters_are_filled_in_is_kept(
    cache: Cache, source: Callable[[], Any]
) -> None:
    read = cache.cached("ns", ttl_s=60)(source)
    missed, found = read(), read.read()
    assert found.outcome == "hit"
    assert_same(found.value, missed)


def made_of(model: Any) -> Any:
    return model(a=1)


def test_an_entry_of_another_version_of_a_model_is_a_miss(cache: Cache, events: Events) -> None:
    """A deploy gave it a field; the entries before it lack that one."""
    before = type("Model", (BaseModel,), {"__annotations__": {"a": int}})
    after = type("Model", (BaseModel,), {"__annotations__": {"a": int, "b": int}, "b": 1})
    for model, expected in ((before, "miss.cold"), (after, "miss.damaged"), (after, "hit")):
        made = Cache(cache.store, recorder=events)
        source = partial(made_of, model)
        source.__annotations__ = {"return": model}
        assert repr(made.get_or_compute("ns", "k", source, ttl_s=60)) == repr(model(a=1))
        assert events.outcomes[-1] == expected
