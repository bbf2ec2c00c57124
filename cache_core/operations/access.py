"""Who may act. Checked in every function that acts, whatever a page shows or hides."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Literal

from cache_core.stores.base import CacheCoreError

Role = Literal["viewer", "operator"]


class NotAllowedError(CacheCoreError):
    """The one who asked may look, not act."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks for something. `name` stands in logs; never a secret."""

    name: str = "viewer"
    role: Role = "viewer"


def require_operator(actor: Actor, deed: str) -> None:
    """Return if `actor` may act, else raise NotAllowedError saying what would be needed."""
    if actor.role != "operator":
        raise NotAllowedError(
            f"{deed} needs operator access; {actor.name} is a viewer. See the Setup page."
        )


def is_password_right(given: str, expected: str) -> bool:
    """Compare in constant time; an empty expected password matches nothing."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
