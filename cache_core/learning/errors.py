"""What the learning system can fail with; bad arguments stay ValueError."""

from __future__ import annotations

from collections.abc import Sequence

from cache_core.stores.base import CacheCoreError


class LearningError(CacheCoreError):
    """Root of what fails here at run time."""


class ImportFileError(LearningError):
    """A file cannot be imported at all; the message says why and what to do."""


class MissingColumnsError(ImportFileError):
    """A file has no column for what is needed. `missing`: our fields; `found`: its columns."""

    def __init__(self, message: str, missing: Sequence[str], found: Sequence[str]) -> None:
        super().__init__(message)
        self.missing, self.found = tuple(missing), tuple(found)
