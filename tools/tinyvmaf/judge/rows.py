"""The rows of an outcome: values that were judged, and where they are from."""

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Number = Annotated[float | None, BeforeValidator(lambda value: _finite(value))]
"""A number in JSON; None where it is not finite."""


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Shown(BaseModel):
    """A record whose fields are shown under their titles."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Spot(Shown):
    """The frame of a corpus that a value is of."""

    source: str
    clip: str | None = None
    """None where it is of a whole source."""
    frame: int | None = None
    """None where it is of a whole clip."""


class Row(Shown):
    """One value that was judged."""

    label: str = Field(title="value", description="what was measured")
    place: Spot | None = Field(default=None, title="source", description="the source, clip and frame that it is of")
    accepted: bool = Field(title="", description="whether it is within the bound; `<` marks a value outside")


class ComparedRow(Row):
    """A value against the one that was expected."""

    expected: Number = Field(title="expected", description="the value that it should have")
    got: Number = Field(title="got", description="the value that it has")
    difference: Number = Field(
        title="|d|", description="distance from the expected value", json_schema_extra={"format": ".2e"}
    )


class LimitRow(Row):
    """A value against a bound."""

    value: Number = Field(title="got", description="the value that it has")
    margin: Number = Field(title="margin", description="how far it is inside the bound; negative outside")
