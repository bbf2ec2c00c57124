"""What the figures of a panel mean: their help texts, here and on every page of the monitor."""

from __future__ import annotations

MEANINGS = {
    "Hit rate": ("Share of lookups answered from the cache, fresh or stale."),
    "From cache": (
        "Median time of a read that the cache answered, the store's round trip included."
    ),
    "From source": ("Median time the function behind the cache took when it had to run."),
    "Time saved": (
        "Sum over reads answered from the cache: what the source took when it computed the entry, "
        "less what the read took."
    ),
}
