"""Whether a function is one that was there before, as its script, cell or module was run anew.

Streamlit runs a script anew for each visitor and click, always as `__main__`, and somebody may have
edited it meanwhile: such a function takes the place of the one before. One that holds something
else (the variables around it, the object of a method, what a `partial` fills in) is another, though
it has the same name and code, because it gives other answers to the same arguments.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from cache_core import keys

IS_ANOTHER = "is another function"
_NOT_YET = object()  # in the place of a variable that is assigned later


@runtime_checkable
class Decorated(Protocol):
    """A function that was decorated with a cache; the cache changes nothing of its answers."""

    @property
    def undecorated(self) -> Callable[..., Any]: ...


def difference(own: Callable[..., Any], there: Callable[..., Any]) -> str | None:
    """What tells a function from one that was there, in words; None if it is the same again."""
    return _Comparison().of(own, there)


def held_difference(own: Callable[..., Any], there: Callable[..., Any]) -> str | None:
    """As `difference`, for a lambda that stands beside its function and is edited with it."""
    if isinstance(own, types.FunctionType) and isinstance(there, types.FunctionType):
        return _Comparison().of_variables(own, there)
    return difference(own, there)


class _Comparison:
    """Of two functions, and of those that they hold."""

    def __init__(self) -> None:
        # Functions may hold themselves and each other: what is being compared passes for the same.
        self._under_way: set[tuple[int, int]] = set()

    def of(self, own: Any, there: Any) -> str | None:
        if own is there or (id(own), id(there)) in self._under_way:
            return None
        self._under_way.add((id(own), id(there)))
        if isinstance(own, types.FunctionType) and isinstance(there, types.FunctionType):
            return self._of_functions(own, there)
        if isinstance(own, types.MethodType) and isinstance(there, types.MethodType):
            return self.of(own.__func__, there.__func__) or self._of_objects(own, there)
        if isinstance(own, functools.partial) and isinstance(there, functools.partial):
            return self.of(own.func, there.func) or self._of_partials(own, there)
        if isinstance(own, types.BuiltinMethodType) and isinstance(there, types.BuiltinMethodType):
            is_same_name = own.__qualname__ == there.__qualname__
            return self._of_objects(own, there) if is_same_name else IS_ANOTHER
        if isinstance(own, Decorated) and isinstance(there, Decorated):
            return self.of(own.undecorated, there.undecorated)
        return None if _are_alike(own, there) else IS_ANOTHER

    def _of_functions(self, own: types.FunctionType, there: types.FunctionType) -> str | None:
        return self.of_variables(own, there) if _is_written_again(own, there) else IS_ANOTHER

    def of_variables(self, own: types.FunctionType, there: types.FunctionType) -> str | None:
        """Variables of functions around them, as far as both use them."""
        before = _variables(there)
        for name, value in _variables(own).items():
            if name in before and not self._is_held_again(value, before[name]):
                return f"closes over another {name!r}"
        return None

    def _of_objects(self, own: Any, there: Any) -> str | None:
        is_same = self._is_held_again(own.__self__, there.__self__)
        return None if is_same else "is a method of another object"

    def _of_partials(
        self, own: functools.partial[Any], there: functools.partial[Any]
    ) -> str | None:
        is_same = (
            len(own.args) == len(there.args)
            and own.keywords.keys() == there.keywords.keys()
            and all(map(self._is_held_again, own.args, there.args))
            and all(self._is_held_again(own.keywords[k], there.keywords[k]) for k in own.keywords)
        )
        return None if is_same else "has other arguments filled in"

    def _is_held_again(self, own: Any, there: Any) -> bool:
        if own is _NOT_YET:
            # Itself, or a function or class below it in the same code.
            return there is _NOT_YET or isinstance(there, (types.FunctionType, Decorated, type))
        return self.of(own, there) is None


def _is_written_again(own: types.FunctionType, there: types.FunctionType) -> bool:
    """Whether the code of one is that of the other, as far as an edit may have changed it.

    Of one run, functions share their globals and have a name each. Of two runs they share their
    file; there somebody may have edited the name, too, where he left the code or the place.
    """
    code, before = own.__code__, there.__code__
    is_same_run = own.__globals__ is there.__globals__
    if not is_same_run and code.co_filename != before.co_filename:
        return False
    if "<lambda>" in (code.co_name, before.co_name):
        return _unplaced(code) == _unplaced(before)
    if code.co_qualname == before.co_qualname:
        return True
    is_same_place = code.co_firstlineno == before.co_firstlineno
    return not is_same_run and (is_same_place or _unplaced(code) == _unplaced(before))


def _unplaced(code: types.CodeType) -> types.CodeType:
    """Code without its names and places in the file, which edits elsewhere change."""
    inner = (
        _unplaced(part) if isinstance(part, types.CodeType) else part for part in code.co_consts
    )
    return code.replace(
        co_name="",
        co_qualname="",
        co_filename="",
        co_firstlineno=1,
        co_linetable=b"",
        co_consts=tuple(inner),
    )


def _variables(function: types.FunctionType) -> Mapping[str, Any]:
    cells = function.__closure__ or ()
    return {
        name: _content(cell)
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True)
    }


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _NOT_YET


def _are_alike(own: object, there: object) -> bool:
    """Whether two values have one digest, as arguments have it."""
    try:
        return keys.value_digest("own", own) == keys.value_digest("there", there)
    except TypeError:  # it has none, so nobody can tell
        return False
