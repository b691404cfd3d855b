"""How many random cases a test tries: a sample in `tox -e tests`, many more in `tox -e fuzz`."""

import os

THOROUGH = bool(os.environ.get("TINYVMAF_FUZZ"))


def tries(sample: int, thorough: int) -> int:
    """How many cases this run tries."""
    return thorough if THOROUGH else sample
