"""Types of the fixtures that write videos: see conftest.py."""

from collections.abc import Callable
from pathlib import Path

Clip = Callable[..., Path]
Encode = Callable[..., Path]
