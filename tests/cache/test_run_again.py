"""Whose a namespace is when scripts are run again, as Streamlit and notebooks do."""

from __future__ import annotations

from typing import Any

import pytest

from cache_core import Cache
from cache_core.stores import open_store

ORDERS = "@cache.cached('shop.orders', ttl_s=60)\ndef {name}(user):\n    return {value}\n"


def run(cache: Cache, file: str, *, name: str = "orders", value: int = 3) -> dict[str, Any]:
    """Run a script of this file as `__main__`, in globals of its own."""
    globals_ = {"__name__": "__main__", "cache": cache}
    run_in(globals_, file, name=name, value=value)
    return globals_


def run_in(globals_: dict[str, Any], file: str, *, name: str, value: int) -> None:
    exec(compile(ORDERS.format(name=name, value=value), file, "exec"), globals_)


def test_a_script_run_again_takes_its_own_place() -> None:
    with Cache(open_store("memory://")) as cache:
        assert run(cache, "page.py")["orders"]("ada") == 3
        second = run(cache, "page.py", name="orders_of", value=4)
        assert second["orders_of"].read("ada").outcome == "hit"


def test_a_cell_of_a_notebook_run_again_takes_its_own_place() -> None:
    """Each cell is a file of its own; they share their globals."""
    with Cache(open_store("memory://")) as cache:
        globals_ = run(cache, "cell-1")
        run_in(globals_, "cell-2", name="orders", value=4)
        assert globals_["orders"]("ada") == 4


@pytest.mark.parametrize("name", ["orders", "other"])
def test_another_script_cannot_take_it_even_by_the_same_name(name: str) -> None:
    with Cache(open_store("memory://")) as cache:
        run(cache, "page.py")
        with pytest.raises(ValueError, match=r"belongs to __main__\.orders already"):
            run(cache, "another.py", name=name)


def test_another_function_of_the_same_run_cannot_take_it() -> None:
    with Cache(open_store("memory://")) as cache:
        globals_ = run(cache, "page.py")
        with pytest.raises(ValueError, match=r"belongs to __main__\.orders already"):
            run_in(globals_, "page.py", name="other", value=4)


def test_a_name_and_code_of_another_place_are_another_function() -> None:
    """A script may come to different functions in different runs."""
    with Cache(open_store("memory://")) as cache:
        run(cache, "page.py")
        globals_ = {"__name__": "__main__", "cache": cache}
        below = "\n\n" + ORDERS.format(name="other", value=4)
        with pytest.raises(ValueError, match=r"__main__\.other is another function"):
            exec(compile(below, "page.py", "exec"), globals_)


FACTORY = """
def made(held):
    @cache.cached('shop.orders', ttl_s=60)
    def orders(user):
        return held, {value}
    return orders
"""


def made(cache: Cache, held: object, value: int = 3) -> Any:
    globals_: dict[str, Any] = {"__name__": "__main__", "cache": cache}
    exec(compile(FACTORY.format(value=value), "page.py", "exec"), globals_)
    return globals_["made"](held)


@pytest.mark.parametrize("value", [3, 4], ids=["as it was", "edited"])
def test_a_function_that_holds_the_same_again_takes_its_own_place(value: int) -> None:
    with Cache(open_store("memory://")) as cache:
        assert made(cache, ["a"])("ada") == (["a"], 3)
        assert made(cache, ["a"], value).read("ada").outcome == "hit"
        with pytest.raises(ValueError, match="closes over another 'held'"):
            made(cache, ["b"], value)
