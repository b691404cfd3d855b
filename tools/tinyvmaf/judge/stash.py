"""Where a run of pytest keeps what conftests and the verdict share. Apart, for a plugin is imported by pytest alone."""

from typing import Final

import pytest

from tinyvmaf.judge.subjects import UnderTest

MODELS: Final = pytest.StashKey[dict[str, UnderTest]]()
"""The models that the run judges, by id; the root conftest finds them."""
