"""Leaks: what a fold's model should not have seen, found in the rows and not in what anybody says of them."""

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import TinyvmafError


def leaked_rows(data: Dataset, features: tuple[str, ...], held_out: str, sources: tuple[str, ...]) -> float:
    """The share of a held-out source's distinct rows that its model was trained on, under whatever name.

    Args:
        features: the columns by which a row is told.
        sources: those that the model was trained on.

    Rows of a still picture that lost nothing are all alike, so a share a little above 0 is no leak.

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
    # 6 decimals, as in libvmaf's log: a copy that went through one is a copy still.
    return {row.tobytes() for row in np.round(rows, 6) + 0.0}
