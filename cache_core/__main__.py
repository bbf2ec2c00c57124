"""`python -m cache_core`: the command line."""

import sys

from cache_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
