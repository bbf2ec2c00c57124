"""What the learning system can fail with; bad arguments stay ValueError."""

from __future__ import annotations

from cache_core.stores.base import CacheCoreError


class LearningError(CacheCoreError):
    """Root of what fails here at run time."""


class DatabaseError(LearningError):
    """The database cannot be opened or is damaged. The message names it without its password."""


class ImportFileError(LearningError):
    """A file cannot be imported at all; the message says why and what to do."""
