"""What the first choices of controls are called, where more than one place must know."""

from __future__ import annotations

EVERYBODY = "Everybody"
ALL_CATEGORIES = "All categories"

# Views of the Learning page.
A_USER, ALL_USERS, PHRASINGS, INSTRUCTION = "A user", "All users", "Phrasings", "One instruction"
