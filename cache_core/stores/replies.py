"""What a server's error texts mean for the caller, and how much of them is shown."""

from __future__ import annotations

# Error codes of a server that is there but cannot answer just now.
_TRY_AGAIN = ("LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS")
_SHOWN_CHARACTERS = 160


def says_try_again(text: str) -> bool:
    """Whether the same call may succeed a little later."""
    return text.split(" ", 1)[0] in _TRY_AGAIN


def reason(text: str) -> str:
    """A server's words on one short line.

    Redis repeats the arguments of a command it does not know, and those hold values: cut there.
    """
    line = " ".join(text.partition(", with args")[0].split())
    return line[:_SHOWN_CHARACTERS] or "the server gave no reason"
