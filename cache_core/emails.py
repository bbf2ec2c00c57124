"""E-mail addresses as names of people: which are one, and which are the same.

Letters A to Z are the same in capitals; no other characters are. Full case folding would make
different people one: "ſ" folds to "s" and the Kelvin sign to "k", and somebody may well own such
an address.
"""

from __future__ import annotations

import re
import string

_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# No more than what tells an address from a slip: a space, a wildcard, a missing or second "@".
_ADDRESS = re.compile(r"[^@\s*,;<>\"]+@[^@\s*,;<>\"]+")


def same_email(address: str) -> str:
    """How an address is compared: without the blanks around it, and A to Z in small letters."""
    return address.strip().translate(_SMALL)


def checked_emails(given: object) -> frozenset[str]:
    """Addresses from a text with commas between them, or from a list, as they are compared.

    Empty parts are left out. Raises: ValueError naming the one that is no address by its place.
    """
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, (list, tuple, set, frozenset)):
        raise ValueError("give e-mail addresses with commas between them")
    found = [part for part in parts if not isinstance(part, str) or part.strip()]
    for place, part in enumerate(found, start=1):
        if not isinstance(part, str) or not _ADDRESS.fullmatch(part.strip()):
            raise ValueError(
                f"entry {place} of {len(found)} is no e-mail address; write "
                "ada@example.org, bob@example.org (each in full, there are no wildcards)"
            )
    return frozenset(same_email(part) for part in found)
