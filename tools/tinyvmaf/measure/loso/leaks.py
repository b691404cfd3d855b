"""Leaks between folds, found by comparing rows, not names of sources."""

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import TinyvmafError


def leaked_rows(data: Dataset, features: tuple[str, ...], held_out: str, sources: tuple[str, ...]) -> float:
    """The share of a held-out source's distinct rows that its model was trained on, also under another source name.

    A share slightly above 0 is not a leak: rows of undistorted still pictures are equal in all sources.

    Args:
        features: the columns that identify a row.
        sources: the sources that the model was trained on.

    Raises:
        TinyvmafError: the held-out source has no row.
    """
    rows = data.columns(*features)
    source = np.array(data.table["source"].to_pylist())
    mine, others = _distinct(rows[source == held_out]), _distinct(rows[np.isin(source, sources)])
    if not mine:
        raise TinyvmafError(f"the corpus has no row of source {held_out}")
    if held_out in sources:
        return 1.0
    return len(mine & others) / len(mine)


def _distinct(rows: NDArray[np.float64]) -> set[bytes]:
    # 6 decimals, as in libvmaf's log, so that a copy that was written to a log is still found.
    return {row.tobytes() for row in np.round(rows, 6) + 0.0}
