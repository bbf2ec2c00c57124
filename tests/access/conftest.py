"""The app as pages' tests start it, and databases."""

from __future__ import annotations

from tests.cache.conftest import clock
from tests.databases import sqlite_engine
from tests.pages.conftest import open_app, running

__all__ = ["clock", "open_app", "running", "sqlite_engine"]
