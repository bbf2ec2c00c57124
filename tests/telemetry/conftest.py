"""Databases for the archive's tests."""

from __future__ import annotations

from tests.databases import database_url, engine, sqlite_engine

__all__ = ["database_url", "engine", "sqlite_engine"]
