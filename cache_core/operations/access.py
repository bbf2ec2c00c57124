"""Who may act. Checked in every function that acts, whatever a page shows or hides."""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cache_core.emails import same_email
from cache_core.stores.base import CacheCoreError

# What proxies put before a request they pass on, and the names of this machine.
FORWARDED = (
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-Ip",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "Via",
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Role = Literal["viewer", "operator"]
Standing = Literal["signed out", "operator", "not listed", "unverified", "no address", "ended"]


class NotAllowedError(CacheCoreError):
    """The one who asked may look, not act."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks for something. `name` stands in logs; never a secret.

    `until_s`: Unix time from which on the role counts no more; None for no end.
    """

    name: str = "viewer"
    role: Role = "viewer"
    until_s: float | None = None


def require_operator(actor: Actor, deed: str, *, clock: Callable[[], float] = time.time) -> None:
    """Return if `actor` may act now, else raise NotAllowedError saying what would be needed."""
    if actor.role != "operator":
        raise NotAllowedError(
            f"{deed} needs operator access; {actor.name} is a viewer: see the Setup page"
        )
    # A page that was drawn before the end still holds buttons that act for this actor.
    if actor.until_s is not None and clock() >= actor.until_s:
        raise NotAllowedError(
            f"{deed} needs operator access; that of {actor.name} has ended: sign in again"
        )


def is_password_right(given: str, expected: str) -> bool:
    """Compare in constant time; an empty expected password matches nothing."""
    return bool(expected) and hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    )


@dataclass(frozen=True, slots=True)
class Admission:
    """What somebody may do who came with claims, and why."""

    actor: Actor
    standing: Standing


def admit(claims: Mapping[str, Any], operators: Collection[str], *, now_s: float) -> Admission:
    """Who somebody is by the claims of an id token, which must have been verified before.

    An operator is whose `email` is among `operators`, unless the provider says that it is not
    verified. A token without an end that can be read counts as ended: OpenID Connect Core 1.0,
    section 2, requires `exp`, and the browser's cookie outlives it by weeks.

    Args:
        claims: of the token, and `is_logged_in` beside them; empty for nobody.
        operators: addresses as `checked_emails` gives them.
        now_s: Unix time.
    Returns: the actor, named by the address only where that is theirs by all that is known here.
    """
    if claims.get("is_logged_in") is not True:
        return Admission(Actor(), "signed out")
    email, end_s = claims.get("email"), _end_s(claims.get("exp"))
    if not isinstance(email, str) or not email.strip():
        return Admission(Actor(), "no address")
    if _denied(claims.get("email_verified")):
        return Admission(Actor(), "unverified")
    if now_s >= end_s:
        return Admission(Actor(), "ended")
    name = same_email(email)
    if name not in operators:
        return Admission(Actor(name, until_s=end_s), "not listed")
    return Admission(Actor(name, "operator", end_s), "operator")


def _end_s(exp: object) -> float:
    """Unix time; in the distant past for what is no number."""
    if isinstance(exp, bool) or not isinstance(exp, (int, float)) or not math.isfinite(exp):
        return -math.inf
    return exp


def _denied(email_verified: object) -> bool:
    """Whether the provider says no. One that says nothing has no unverified addresses; some say
    it in a text. What is neither yes nor no counts as no."""
    if email_verified is None or email_verified is True:
        return False
    return not (isinstance(email_verified, str) and email_verified.strip().lower() == "true")
