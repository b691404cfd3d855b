"""Recipes and data for the leave-one-source-out tests."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
