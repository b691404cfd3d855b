"""What a model card shows of the model's kind: inputs, outputs, and what the measured values mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class CardSummary:
    """What the cards of one kind of models show. Texts are Markdown, for a cell of a table."""

    takes: str
    """The inputs; `{count}` and `{features}` stand for the model's features."""
    gives: str
    """The outputs."""
    measured: Mapping[str, tuple[str, str]]
    """By the names that measured values have in a sidecar: what the value is, and its unit."""

    def interface(self, features: Sequence[str]) -> str:
        """Rows for the inputs and outputs of a model with these features."""
        takes = self.takes.format(count=len(features), features=", ".join(f"`{name}`" for name in features))
        return f"| input | {takes} |\n| output | {self.gives} |"

    def figures(self, measured: Mapping[str, float]) -> str:
        """A row for each measured value."""
        words = [(*self.measured[name], value) for name, value in measured.items()]
        return "\n".join(f"| {meaning} | {value:.10g} {unit} |" for meaning, unit, value in words)


class CardKind(Protocol):
    """What a card needs of a kind: `tinyvmaf.judge.kinds` has them."""

    @property
    def name(self) -> str:
        """As the sidecar calls it."""

    @property
    def card(self) -> CardSummary:
        """What its cards show."""
