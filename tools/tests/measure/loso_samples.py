"""Recipes and data of the tests of leave-one-source-out."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
