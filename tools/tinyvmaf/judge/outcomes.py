"""Outcomes: what a gate found on one subject. Three types, and everything that shows one is made from their fields.

- `Comparison`: values that were expected, against values that were got.
- `Limit`: values against a bound of which one side is right.
- `Assertion`: a test whose assertions are the judgement.

verdict.json, its schema, the table in docs/gates.md, JUnit, the terminal and the page read `fields` and `columns`. So a
new field is added to one class here, and shows in all of them.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from pydantic.fields import FieldInfo

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bound
from tinyvmaf.judge.gates import Direction
from tinyvmaf.judge.rows import ComparedRow, LimitRow, Number, Row, Shown, Spot

WORST_ROWS: Final = 10

Status = Literal["pass", "fail", "waived"]


class Outcome(Shown):
    """What a gate found on one subject."""

    heading: ClassVar[frozenset[str]] = frozenset(
        {
            "type",
            "gate",
            "metric",
            "subject",
            "bound",
            "value",
            "unit",
            "direction",
            "count",
            "failures",
            "status",
            "test",
            "suite",
            "model",
            "max_difference",
            "worst_value",
        }
    )
    """Fields that the heading of a shown outcome says; the others are listed below it."""
    row: ClassVar[type[Row]] = Row
    """The type of its rows."""

    type: str = Field(title="type", description="`comparison`, `limit` or `assertion`")
    test: str = Field(default="", title="test", description="pytest's node id")
    suite: str = Field(default="", title="suite", description="the suite of the test")
    model: str | None = Field(
        default=None, title="model", description="the model that was judged; null if it is about none"
    )
    gate: str = Field(title="gate", description="its name in gates.toml, or suite and test where no bound is")
    metric: str = Field(title="metric", description="what was measured")
    subject: str = Field(title="subject", description="model, pair, engine: what was judged")
    bound: str = Field(title="bound", description="the bound in words")
    value: Number = Field(default=None, title="bound's value", description="the bound as a number")
    unit: str = Field(default="", title="unit", description="of the bound; `places` are decimals that must agree")
    direction: Direction = Field(default="at most", title="direction", description="which side of the bound is right")
    count: int = Field(ge=1, title="count", description="how many values were judged")
    failures: int = Field(ge=0, title="failures", description="how many of them are outside the bound")
    status: Status = Field(title="status", description="`pass`, `fail`, or `waived`: outside the bound, and allowed")
    reason: str = Field(title="why this bound", description="the bound's reason")
    source: str = Field(title="source", description="where the bound comes from")
    table: str = Field(default="", title="bound from", description="the table that gave the bound")
    details: str = Field(default="", title="details", description="more of the worst value, such as its bits")
    reproduce: str = Field(title="again", description="a command that shows it again")

    @property
    def failed(self) -> bool:
        """Whether a value is outside the bound, waived or not."""
        return self.failures > 0

    def placed(self, *, test: str, suite: str, model: str | None, waived: bool = False) -> Self:
        """This outcome, of a test of a suite, about a model."""
        status: Status = "waived" if waived else "fail" if self.failed else "pass"
        return self.model_copy(update={"test": test, "suite": suite, "model": model, "status": status})

    def within(self, up_to: float) -> bool:
        """Whether what is outside the bound goes no further than a waiver allows."""
        raise NotImplementedError

    def headline(self) -> str:
        """What failed, in one sentence."""
        return f"{self.subject}: {self.metric}: {self.failures} of {self.count} values outside {self.bound}"

    def explain(self) -> str:
        """The outcome for a person: a sentence, the worst rows, why this bound, the command that shows it again."""
        found = self.model_dump()
        lines = [self.headline(), *(f"  {line}" for line in _table(found))]
        lines += [f"  {line}" for line in self.details.splitlines()]
        return "\n".join([*lines, *(f"{title}: {text}" for title, text in fields(found) if title != "details")])


class Comparison(Outcome):
    """Values that were expected, against values that were got."""

    row: ClassVar[type[Row]] = ComparedRow
    type: Literal["comparison"] = "comparison"
    max_difference: Number = Field(
        title="max |d|", description="the largest distance of a value from the expected one; null if not finite"
    )
    worst: tuple[ComparedRow, ...] = Field(
        min_length=1, title="worst", description=f"the {WORST_ROWS} rows furthest off, the worst first"
    )

    def within(self, up_to: float) -> bool:
        return self.max_difference is not None and self.max_difference <= up_to

    def headline(self) -> str:
        return f"{super().headline()}, max |d| {_number(self.max_difference)}"


class Limit(Outcome):
    """Values against a bound of which one side is right."""

    row: ClassVar[type[Row]] = LimitRow
    type: Literal["limit"] = "limit"
    worst_value: Number = Field(title="worst", description="the value with the least margin; null if not finite")
    worst: tuple[LimitRow, ...] = Field(
        min_length=1, title="worst", description=f"the {WORST_ROWS} rows with the least margin, the worst first"
    )

    def within(self, up_to: float) -> bool:
        if self.worst_value is None:
            return False
        return self.worst_value >= up_to if self.direction == "at least" else self.worst_value <= up_to

    def headline(self) -> str:
        return f"{super().headline()}, worst {_number(self.worst_value)}"


class Assertion(Outcome):
    """A test whose assertions are the judgement: it holds or it does not."""

    type: Literal["assertion"] = "assertion"
    bound: str = Field(default="holds", title="bound", description="the bound in words")

    def within(self, up_to: float) -> bool:  # noqa: ARG002
        return False

    def headline(self) -> str:
        return f"{self.subject}: {self.metric}: {'does not hold' if self.failed else 'holds'}"


AnyOutcome = Annotated[Comparison | Limit | Assertion, Field(discriminator="type")]
TYPES: Final[Mapping[str, type[Outcome]]] = {"comparison": Comparison, "limit": Limit, "assertion": Assertion}
"""By what their field `type` holds."""


def fields(found: Mapping[str, Any], *, every: bool = False) -> list[tuple[str, str]]:
    """Titles and texts of an outcome's fields, but for its rows, what its heading says, and what is empty.

    Args:
        found: an outcome as verdict.json has it.
        every: also what the heading says.
    """
    shown = []
    for name, field in TYPES[found["type"]].model_fields.items():
        value = found[name]
        if name != "worst" and value not in ("", None) and (every or name not in Outcome.heading):
            shown.append((field.title or name, _number(value) if isinstance(value, float) else str(value)))
    return shown


def columns(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Titles and cells of an outcome's worst rows; both empty if its type has none.

    Args:
        found: an outcome as verdict.json has it.
    """
    if not found.get("worst"):
        return [], []
    row = TYPES[found["type"]].row.model_fields
    names = sorted(row, key=lambda name: name == "accepted")  # the mark stands last
    if not any(one.get("place") for one in found["worst"]):
        names.remove("place")
    return [row[name].title or "" for name in names], [
        [_cell(one.get(name), row[name]) for name in names] for one in found["worst"]
    ]


def _cell(value: Any, field: FieldInfo) -> str:
    if isinstance(value, bool):
        return "" if value else "<"
    if field.annotation == Spot | None:
        return str(value["source"]) if value else ""
    extra = field.json_schema_extra
    style = str(extra["format"]) if isinstance(extra, dict) and "format" in extra else ".9g"
    return f"{value:{style}}" if isinstance(value, float) else "not finite" if value is None else str(value)


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.9g}"


def _table(found: Mapping[str, Any]) -> list[str]:
    titles, cells = columns(found)
    if not titles:
        return []
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (titles, *cells)
    ]
    return [*lines, *([f"... the worst {len(cells)} of {found['count']}"] if found["count"] > len(cells) else [])]


def compare(
    bound: Bound, subject: str, labels: Sequence[str], expected: ArrayLike, got: ArrayLike, *, reproduce: str
) -> Comparison:
    """Hold measured values against expected ones.

    Args:
        labels: one a value; only those of the rows that are furthest off are asked for.
        expected, got: real numbers of the same shape, flattened in C order.

    Raises:
        CouldNotRunError: nothing to compare, shapes that differ, or an expected value that is not finite.
    """
    want: NDArray[np.float64] = np.asarray(expected, dtype=np.float64)
    have: NDArray[np.float64] = np.asarray(got, dtype=np.float64)
    where = f"{bound.gate.name}: {subject}"
    if want.shape != have.shape or want.size != len(labels):
        raise CouldNotRunError(
            f"{where}: {len(labels)} values to compare, expected {list(want.shape)}, got {list(have.shape)}"
        )
    if want.size == 0:
        raise CouldNotRunError(f"{where}: nothing to compare")
    if not np.isfinite(want).all():
        raise CouldNotRunError(f"{where}: an expected value is not finite")
    apart = np.abs(want - have).ravel()
    finite = np.isfinite(apart)
    order = np.argsort(np.where(finite, -apart, -np.inf), kind="stable")  # NaN first, then the furthest
    # All behind the first that is accepted are nearer.
    failures = next((n for n, i in enumerate(order) if bound.accepts(float(apart[i]))), want.size)
    want, have = want.ravel(), have.ravel()
    rows = [
        ComparedRow(
            label=labels[i],
            accepted=n >= failures,
            expected=float(want[i]),
            got=float(have[i]),
            difference=float(apart[i]),
        )
        for n, i in enumerate(order[:WORST_ROWS].tolist())
    ]
    return Comparison(
        **_common(bound, subject, want.size, failures, reproduce), max_difference=rows[0].difference, worst=tuple(rows)
    )


def hold(
    bound: Bound,
    subject: str,
    measured: Mapping[str, float],
    *,
    reproduce: str,
    details: str = "",
    places: Mapping[str, Spot | None] = MappingProxyType({}),
) -> Limit:
    """Hold measured values, under their labels, against a bound.

    Args:
        places: of values that are of a frame, under the same labels.

    Raises:
        CouldNotRunError: nothing was measured.
    """
    if not measured:
        raise CouldNotRunError(f"{bound.gate.name}: {subject}: nothing was measured")
    rising = 1 if bound.gate.direction == "at least" else -1  # of two equal margins, which differ by less than an ULP
    found = [(bound.margin(value), label, float(value)) for label, value in measured.items()]
    found.sort(key=lambda one: (True, one[0], rising * one[2]) if math.isfinite(one[0]) else (False, 0.0, 0.0))
    rows = [
        LimitRow(label=label, place=places.get(label), accepted=bound.accepts(value), value=value, margin=margin)
        for margin, label, value in found[:WORST_ROWS]
    ]
    failures = sum(not bound.accepts(value) for _, _, value in found)
    common = _common(bound, subject, len(found), failures, reproduce) | {"details": details}
    return Limit(**common, worst_value=found[0][2], worst=tuple(rows))


def _common(bound: Bound, subject: str, count: int, failures: int, reproduce: str) -> dict[str, Any]:
    return {
        "gate": bound.gate.name,
        "metric": bound.gate.metric,
        "subject": subject,
        "bound": str(bound),
        "value": bound.value,
        "unit": bound.gate.unit,
        "direction": bound.gate.direction,
        "count": count,
        "failures": failures,
        "status": "fail" if failures else "pass",
        "reason": bound.reason,
        "source": bound.source,
        "table": bound.table,
        "reproduce": reproduce,
    }
