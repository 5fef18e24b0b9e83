"""`python -m backbeat` is the same as `backbeat`."""

import sys

from backbeat.cli import main

if __name__ == "__main__":
    sys.exit(main())
