"""Databases for the archive's tests."""

from __future__ import annotations

from tests.databases import engine, postgresql_url, sqlite_engine

__all__ = ["engine", "postgresql_url", "sqlite_engine"]
