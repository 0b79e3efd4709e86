"""``python -m zarrcy``: the console script, where its name is not on the path."""

import sys

from zarrcy.cli import main

if __name__ == "__main__":
    sys.exit(main())
