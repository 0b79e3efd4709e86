"""``python -m zarrcy`` runs the console script."""

import sys

from zarrcy.cli import main

if __name__ == "__main__":
    sys.exit(main())
