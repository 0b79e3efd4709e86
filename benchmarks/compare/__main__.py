"""Run the comparison on arrays: ``python -m benchmarks.compare``."""

import sys

from benchmarks.compare.arrays import main

sys.exit(main())
