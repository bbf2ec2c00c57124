"""`python -m cache_core`, and the command `cache-core`: the command line."""

import sys

from cache_core.extras import missing


def main() -> int:
    """Run the command line. Returns the exit code."""
    try:
        from cache_core.cli import main as run
    except ImportError as exc:
        if (exc.name or "").partition(".")[0] == "cache_core":
            raise
        print(
            f"error: {missing('the command line needs what the app needs', 'app')}", file=sys.stderr
        )
        return 2
    return run()


if __name__ == "__main__":
    sys.exit(main())
