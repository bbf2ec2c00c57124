"""What arguments hold beside what they show: all of it goes into their key, or they are refused."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr, RootModel

from cache_core.keys import ArgumentsDigest, value_digest

T = TypeVar("T")


def digest(value: object) -> str:
    return value_digest("value", value)


@dataclass
class Order:
    number: int


class OrderOf(Order):
    """A plain class below a dataclass."""

    def __init__(self, number: int, tenant: str) -> None:
        super().__init__(number)
        self.tenant = tenant


@dataclass(slots=True)
class Slotted:
    number: int


class SlottedOf(Slotted):
    __slots__ = ("tenant",)

    def __init__(self, number: int, tenant: str) -> None:
        super().__init__(number)
        self.tenant = tenant


class Session(BaseModel):
    user: int
    _tenant: str = PrivateAttr("a")

    @classmethod
    def of(cls, tenant: str) -> Session:
        found = cls(user=1)
        found._tenant = tenant
        return found


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    user: int


class Tags(RootModel[list[str]]):
    def __iter__(self) -> Any:
        return iter(self.root)


class Keyed(BaseModel):
    keys: list[str]


def framed(**attrs: object) -> pd.DataFrame:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs.update(attrs)
    return frame


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OrderOf(1, "a"), OrderOf(1, "b")),
        (SlottedOf(1, "a"), SlottedOf(1, "b")),
        (Session.of("a"), Session.of("b")),
        (Open(user=1, tenant="a"), Open(user=1, tenant="b")),  # type: ignore[call-arg]
        (Tags(["ab", "ac"]), Tags(["ac"])),
        (Tags(["abc"]), Tags(["abd"])),
        (Keyed(keys=["a"]), Keyed(keys=["b"])),
        (framed(tenant="a"), framed(tenant="b")),
        (framed(tenant="a"), framed()),
        (framed(tenant="a")["a"], framed(tenant="b")["a"]),
        (dt.datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    ],
)
def test_what_differs_out_of_sight_has_keys_of_its_own(one: object, other: object) -> None:
    assert digest(one) != digest(other)
    assert digest([one, other]) != digest([other, one])
    assert digest(one) == digest(one)


def test_numbers_longer_than_python_writes_have_keys_of_their_own() -> None:
    googol = 10**5000
    assert len({digest(number) for number in (googol, googol + 1, -googol, hex(googol))}) == 4


class Zone(dt.tzinfo):
    """Has neither a name nor a text of its own."""

    def utcoffset(self, _: object) -> dt.timedelta:
        return dt.timedelta(0)

    def tzname(self, _: object) -> str:
        return "Z"

    def dst(self, _: object) -> None:
        return None


def nameless_zone() -> ZoneInfo:
    return ZoneInfo.from_file(BytesIO(Path(zoneinfo.TZPATH[0], "Europe/Berlin").read_bytes()))


@dataclass
class Rows(list):  # type: ignore[type-arg]
    name: str = ""


class Locked(Order):
    def __init__(self) -> None:
        super().__init__(1)
        self.lock = object()


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
CIRCLE: dict[str, Any] = {}
CIRCLE["again"] = [CIRCLE]


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2026, 1, 1, tzinfo=Zone()),
        dt.time(1, tzinfo=Zone()),
        pd.Timestamp("2026-01-01", tz=Zone()),
        pd.Series(pd.date_range("2026-01-01", periods=2, tz=Zone())),
        dt.datetime(2026, 1, 1, tzinfo=nameless_zone()),
        np.ma.array([1, 2], mask=[False, True]),
        Rows("one"),
        Locked(),
        CYCLE,
        CIRCLE,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_stable_digest_is_refused_by_name(value: object) -> None:
    def read(first: int, unusual: object) -> int:
        return first

    with pytest.raises(TypeError, match="'unusual'"):
        ArgumentsDigest(read)((1, value), {})


@dataclass
class Circle:
    radius: float

    @functools.cached_property
    def pattern(self) -> object:
        return object()


@dataclass
class Box(Generic[T]):
    content: T


def test_what_was_computed_from_the_fields_and_remembered_does_not_count() -> None:
    circle = Circle(1.0)
    before = digest(circle)
    assert circle.pattern
    assert digest(circle) == before


def test_what_type_checkers_noted_does_not_count() -> None:
    assert digest(Box[int](1)) == digest(Box(1))
