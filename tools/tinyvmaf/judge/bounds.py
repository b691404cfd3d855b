"""Bounds of gates.toml: a value for a gate, with its reason and source.

A table `[suite.gate]` holds for every model. A table below it holds for some, and the most specific one wins:
`[latency.floor.model.tinyvmaf_exact]`, `[backends.ulp.engine.openvino]`, `[latency.frames_a_second.tier.nano]`, or two
of them, `[backends.ulp.model.tinyvmaf_tiny.engine.opencv]`. `SELECTORS` gives their order.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from tinyvmaf.errors import CouldNotRunError, RegistryError, nearest
from tinyvmaf.files import home
from tinyvmaf.judge.gates import GATES, PLACES, SELECTORS, Gate
from tinyvmaf.judge.kinds import kinds
from tinyvmaf.model import registry
from tinyvmaf.model.contract import TIERS
from tinyvmaf.model.engines import all_engines
from tinyvmaf.model.subject import Subject
from tinyvmaf.project import Project, project
from tinyvmaf.train.recipes import PROMISES
from tinyvmaf.validation import read_toml
from tinyvmaf.vmaf.teacher import KNOWN

_KEYS: Final = ("value", "reason", "source")


@dataclass(frozen=True)
class Bound:
    """A gate with its value: what must hold, and why."""

    gate: Gate
    value: float
    """In the gate's unit."""
    reason: str
    source: str
    table: str
    """Where the value stands, as `gates.toml [latency.floor]`."""
    selectors: tuple[tuple[str, str], ...] = ()
    """What it is for, as `(("model", "tinyvmaf_exact"),)`; empty for everything."""

    def accepts(self, measured: float) -> bool:
        """Whether a measured value (of a comparison: |difference|) is within the bound. NaN and infinity never are."""
        return self.gate.accepts(self.value, measured)

    def margin(self, measured: float) -> float:
        """How far a measured value is inside the bound; negative outside, NaN if it is not finite."""
        return self.gate.margin(self.value, measured)

    def named(self, metric: str) -> "Bound":
        """This bound, of a metric in other words."""
        return replace(self, gate=self.gate.named(metric))

    def tightened(self, value: float, table: str) -> "Bound":
        """This bound, or a tighter one that was promised in `table`."""
        tighter = value != self.value and self.accepts(value)
        return replace(self, value=value, table=table) if tighter else self

    def __str__(self) -> str:
        return self.gate.words(self.value)

    def is_looser(self, other: "Bound") -> bool:
        """Whether it accepts what another bound of the gate does not."""
        more_is_looser = self.gate.direction == "at most" and self.gate.unit != PLACES
        return self.value > other.value if more_is_looser else self.value < other.value

    def may_meet(self, other: "Bound") -> bool:
        """Whether both may hold for one model and engine."""
        theirs = dict(other.selectors)
        return all(theirs.get(name, value) == value for name, value in self.selectors)


class _Place(NamedTuple):
    """Where tables of bounds stand."""

    where: str
    """For messages."""
    name: str
    source: str = ""
    """Of a bound that names none; then its source is the file."""

    def __str__(self) -> str:
        return self.where

    def table(self, gate: str) -> str:
        """For reports."""
        return f"{self.name} [{gate}]" if not self.source else f"{self.name.removesuffix(']')}.{gate}]"


class Bounds:
    """The bounds of gates.toml, and those of a project in their places."""

    def __init__(self, bounds: Mapping[str, list[Bound]], looser: Iterable[tuple[Bound, Bound]] = ()) -> None:
        self._bounds = dict(bounds)
        self.looser = list(looser)
        """Bounds of the project that are looser than one of tinyvmaf that may hold for the same model, and that one."""

    def with_those_of(self, whose: Project) -> "Bounds":
        """These, and those of a project in their places. What holds for models that tinyvmaf brings does not hold for
        the project's, whatever their ids.

        Raises:
            CouldNotRunError: a table is not a bound of a known gate, or a checkout of tinyvmaf has bounds beside its
                gates.toml.
        """
        if whose.is_home and whose.settings.bounds:
            raise CouldNotRunError(f"{whose.file}: bounds of tinyvmaf itself stand in gates.toml")
        if whose.is_home or not whose.own:
            return self
        name, every = whose.bounds_file, dict[str, list[Bound]]()
        own = _tables(_Place(f"{whose.file}: bounds", name, str(whose.file)), whose.settings.bounds)
        looser = []
        for gate, brought in self._bounds.items():
            general = [one for one in brought if "model" not in dict(one.selectors)]
            taken = {one.selectors for one in own.get(gate, ())}
            every[gate] = [*own.get(gate, ()), *(one for one in general if one.selectors not in taken)]
            looser += [(one, ours) for one in own.get(gate, ()) for ours in general if one.may_meet(ours)]
        return Bounds(every, [(one, ours) for one, ours in looser if one.is_looser(ours)])

    def __iter__(self) -> Iterator[Bound]:
        return (bound for each in self._bounds.values() for bound in each)

    def for_(
        self,
        gate: str,
        *,
        model: str | None = None,
        engine: str | None = None,
        kind: str | None = None,
        teacher: str | None = None,
        tier: str | None = None,
        arithmetic: str | None = None,
    ) -> Bound:
        """The bound of a gate for a model, engine, kind, teacher, tier or arithmetic: the most specific table wins.

        Args:
            gate: `suite.gate`.
            model: a registered model's id. A file that is not registered chose its id and kind: no bound goes by them.
            kind: a registered model's.

        Raises:
            CouldNotRunError: gates.toml has no bound of this gate that holds here.
        """
        asked = {"model": model, "engine": engine, "kind": kind, "teacher": teacher, "tier": tier}
        asked["arithmetic"] = arithmetic
        fit = [one for one in self._bounds.get(gate, []) if all(asked[name] == value for name, value in one.selectors)]
        if not fit:
            told = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
            raise CouldNotRunError(f"gates.toml has no bound {gate}" + (f" for {told}" if told else ""))
        return min(fit, key=lambda one: [name not in dict(one.selectors) for name in SELECTORS])

    def for_subject(self, gate: str, subject: Subject, *, engine: str | None = None) -> Bound:
        """The bound of a gate for a model, perhaps on an engine; see `for_`."""
        own = {"model": subject.id, "kind": subject.kind} if subject.registered else {}
        if any("arithmetic" in dict(one.selectors) for one in self._bounds.get(gate, [])):
            own["arithmetic"] = subject.proof.arithmetic
        return self.for_(gate, engine=engine, teacher=subject.teacher_id, tier=subject.tier, **own)


def load_bounds(path: Path | None = None) -> Bounds:
    """Every bound of gates.toml; None: with those of the project in their places.

    Raises:
        CouldNotRunError: the file is missing, or a table is not a bound of a known gate.
    """
    if path is None:
        return load_bounds(home() / "gates.toml").with_those_of(project())
    try:
        content = read_toml(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CouldNotRunError(f"{path}: {error}") from error
    found = _tables(_Place(str(path), path.name), content)
    if lacking := [name for name in GATES if name not in found]:
        raise CouldNotRunError(f"{path}: no bound for {', '.join(lacking)}")
    return Bounds(found)


def _tables(place: _Place, content: Mapping[str, Any]) -> dict[str, list[Bound]]:
    """Bounds by gate, of tables as in gates.toml."""
    found: dict[str, list[Bound]] = {}
    for suite, gates in content.items():
        for gate, table in gates.items() if isinstance(gates, dict) else ():
            full = f"{suite}.{gate}"
            if full not in GATES:
                raise CouldNotRunError(f"{place}: no gate {full}{_nearest(full, GATES)}")
            found[full] = list(_bounds(place, GATES[full], table, ()))
        if not isinstance(gates, dict) or not gates:
            raise CouldNotRunError(f"{place}: {suite} is not a table of gates")
    return found


def for_no_model(bounds: Iterable[Bound]) -> list[str]:
    """A sentence for each table that names a model which is not registered: no test asks for its bound.

    A file of `--model` does not get it either, for it chose its id itself.
    """
    try:
        known = [one.id for one in registry.subjects()]
    except RegistryError:  # a fault of its own: nobody knows which models are registered
        return []
    named = [(bound.table, dict(bound.selectors).get("model")) for bound in bounds]
    return [
        f"{table}: no model {model} is registered, so nothing has this bound{_nearest(model, known)}"
        for table, model in named
        if model is not None and model not in known
    ]


def promise(name: str, value: float, model_id: str) -> Bound:
    """The bound that a model's sidecar promises to keep.

    Args:
        name: one of `recipes.PROMISES`.
        model_id: the model.
    """
    metric, direction, unit = PROMISES[name]
    gate = Gate(f"sidecar.{name}", metric, unit, 0.0, 100.0, "at least" if direction == "at least" else "at most")
    return Bound(gate, value, f"{model_id} promises it", f"model/{model_id}.json", f"model/{model_id}.json [promised]")


def _bounds(path: _Place, gate: Gate, table: Any, selectors: tuple[tuple[str, str], ...]) -> Iterator[Bound]:
    where = ".".join((gate.name, *(word for pair in selectors for word in pair)))
    if not isinstance(table, dict) or not table:
        raise CouldNotRunError(f"{path}: [{where}] is not a table with {', '.join(_KEYS)}")
    own = gate.selectors
    later = own[own.index(selectors[-1][0]) + 1 :] if selectors else own
    for key in table:
        if key not in (*_KEYS, *later):
            raise CouldNotRunError(
                f"{path}: [{where}]: unknown key {key!r}{_nearest(key, (*_KEYS, *later))}",
                hint=_why_unknown(key, gate, selectors),
            )
    if set(table) & set(_KEYS):
        yield _bound(path, gate, table, selectors, where)
    for selector in (name for name in later if name in table):
        inner = table[selector]
        if not isinstance(inner, dict) or not inner:
            raise CouldNotRunError(f"{path}: [{where}.{selector}] is not a table of bounds")
        for value, one in inner.items():
            if (known := _known(selector)) and value not in known:
                near = _nearest(value, known)
                raise CouldNotRunError(f"{path}: [{where}.{selector}.{value}]: no {selector} {value}{near}")
            yield from _bounds(path, gate, one, (*selectors, (selector, value)))


def _why_unknown(key: str, gate: Gate, selectors: tuple[tuple[str, str], ...]) -> str:
    """A hint for a key that may not stand below these selectors."""
    if key not in SELECTORS:
        return "metric, unit and direction belong to the gate, in judge/gates.py"
    if key not in gate.selectors:
        return f"{gate.name} does not depend on the {key}"
    last = selectors[-1][0]
    return f"{key} stands there twice" if key == last else f"{key} comes before {last}"


def _bound(
    path: _Place, gate: Gate, table: Mapping[str, Any], selectors: tuple[tuple[str, str], ...], where: str
) -> Bound:
    if lacking := [key for key in _KEYS if key not in table and not (key == "source" and path.source)]:
        raise CouldNotRunError(f"{path}: [{where}] has no {', '.join(lacking)}")
    if fault := gate.fault(table["value"]):
        raise CouldNotRunError(f"{path}: [{where}]: {fault}")
    reason, source = table["reason"], table.get("source", path.source)
    if not all(isinstance(text, str) and text.strip() for text in (reason, source)):
        raise CouldNotRunError(f"{path}: [{where}]: reason and source are sentences")
    return Bound(gate, float(table["value"]), reason, source, path.table(where), selectors)


def _known(selector: str) -> list[str]:
    """The values of a selector that can occur; empty for models, see `for_no_model`."""
    if selector == "engine":
        return [engine.name for engine in all_engines()]
    known: dict[str, list[str]] = {"kind": [*kinds()], "teacher": [*KNOWN], "tier": [name for name, _ in TIERS]}
    known["arithmetic"] = ["float32", "float64"]
    return known.get(selector, [])


def _nearest(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""
