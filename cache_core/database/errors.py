"""What opening a database raises."""

from __future__ import annotations

from cache_core.stores.base import CacheCoreError


class DatabaseError(CacheCoreError):
    """The database cannot be opened or is damaged. The message names it without its password."""


class NewerDatabaseError(DatabaseError):
    """A newer version of this program has changed the tables: nothing was touched."""
