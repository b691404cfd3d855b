"""Tells a model that failed from a gate that could not run."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tinyvmaf.errors import ModelError


@contextmanager
def model_failed(who: str = "") -> Iterator[None]:
    """A `ModelError` inside fails the test, as a sentence without a traceback.

    Args:
        who: stands in front of the sentence, if it does not name the model itself.
    """
    __tracebackhide__ = True
    try:
        yield
    except ModelError as error:
        reason = f"{who}: {error.message}" if who else error.message
        raise pytest.fail.Exception(reason, pytrace=False) from None
