"""Revisions of the tables, one file each in `versions`; `cache_core.database.upgrading` runs them.

How to make one is in docs/database.md.
"""
