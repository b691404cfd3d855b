"""`python -m tinyvmaf` is the same as `tinyvmaf`."""

import sys

from tinyvmaf.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
