"""What to install when an optional package is missing."""

from __future__ import annotations


def missing(what: str, extra: str) -> ImportError:
    """The error to raise where `what` cannot work without the packages of an extra."""
    return ImportError(f"{what}: {install(extra)}")


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f'pip install "cache-core[{extra}]"'
