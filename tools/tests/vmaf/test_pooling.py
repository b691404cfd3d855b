"""Pooled values of a clip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.vmaf.pooling import pool


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_pooled_values_keep_their_order(values: list[float]) -> None:
    pooled = pool(np.array(values))
    slack = 1e-9
    assert pooled["min"] - slack <= pooled["harmonic_mean"] <= pooled["mean"] + slack
    assert pooled["mean"] <= pooled["max"] + slack


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_nothing_is_not_pooled(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        pool(np.array(values))
