"""What broken candidates are, and what they are made of."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

REGISTERED, FILE, ADOPTED, ENGINES, ELSEWHERE = "registered", "file", "adopted", "engines", "elsewhere"
NOBODY = "nobody can tell"  # in place of a gate: the answer is COULD NOT RUN
GOOD = "good"


def nothing(_: Any) -> None:
    """What is good stays so."""


@dataclass
class Made:
    """A candidate that is being made: a break changes it in place."""

    model: ModelProto
    sidecar: dict[str, Any]
    """The sidecar; what it says of the graph is put in at the end, unless it stands in `claims`."""
    claims: dict[str, Any] = field(default_factory=dict)
    """What the sidecar says in spite of the file."""
    data: bytes | None = None
    """The file, where it is not what the graph gives."""
    after: Callable[[Path], object] = nothing
    """What is done at the end; gets the path of the ONNX file."""


@dataclass(frozen=True)
class Break:
    """One broken candidate."""

    name: str
    kind: str
    """In which run it is judged."""
    what: str
    """What is wrong, in a sentence."""
    gate: str
    """What must catch it, as in verdict.json; NOBODY: the run says COULD NOT RUN."""
    green: tuple[str, ...]
    """Suites that must stay green: they are not about what is wrong."""
    says: str
    """Part of what must be said, if the gate alone does not tell why."""
    make: Callable[[Made], None]


TABLE: list[Break] = []


Make = Callable[[Made], None]
Enter = Callable[[Make], Make]


def broken(kind: str, gate: str, *, green: str = "", says: str = "", name: str = "", what: str = "") -> Enter:
    """Enter a break into the table, under its function's name, with its docstring for a sentence."""

    def enter(make: Make) -> Make:
        told = what or (make.__doc__ or "").strip()
        TABLE.append(Break(name or make.__name__, kind, told, gate, tuple(green.split()), says, make))
        return make

    return enter


# What breaks are made of.


def weights(made: Made, name: str) -> NDArray[Any]:
    """A constant of the graph."""
    return numpy_helper.to_array(tensor(made, name)).copy()


def tensor(made: Made, name: str) -> TensorProto:
    """A constant of the graph, as ONNX has it."""
    found: TensorProto = next(t for t in made.model.graph.initializer if t.name == name)
    return found


def put(made: Made, name: str, value: ArrayLike) -> None:
    """Change a constant, or add one."""
    new = numpy_helper.from_array(np.asarray(value), name)
    for old in made.model.graph.initializer:
        if old.name == name:
            old.CopyFrom(new)
            return
    made.model.graph.initializer.append(new)


def add(
    made: Made,
    operator: str,
    inputs: list[str | NDArray[Any] | float],
    output: str,
    at: int | None = None,
    **attributes: Any,
) -> str:
    """A node more, its constants beside it; at the end, or before another."""
    names = []
    for i, value in enumerate(inputs):
        if not isinstance(value, str):
            put(made, f"{output}_{i}", np.float32(value) if isinstance(value, float) else value)
            value = f"{output}_{i}"
        names.append(value)
    node = helper.make_node(operator, names, [output], **attributes)
    nodes = made.model.graph.node
    nodes.insert(len(nodes) if at is None else at, node)
    return output


def in_front(made: Made, *steps: tuple[str, NDArray[Any] | float]) -> None:
    """Operators between the features and the graph."""
    current = made.model.graph.input[0].name
    first = made.model.graph.node[0]
    for i, (operator, value) in enumerate(steps):
        current = add(made, operator, [current, value], f"front{i}", at=i)
    first.input[0] = current


def before_clip(made: Made, *steps: tuple[Any, ...]) -> None:
    """Operators on the score, before it is clipped."""
    clip = made.model.graph.node[-1]
    current, at = clip.input[0], len(made.model.graph.node) - 1
    for i, (operator, *values) in enumerate(steps):
        current = add(made, operator, [current, *values], f"tail{i}", at=at + i)
    clip.input[0] = current


def after_clip(made: Made, operator: str, *values: Any) -> None:
    """An operator on the score that was clipped."""
    made.model.graph.node[-1].output[0] = "clipped"
    add(made, operator, ["clipped", *values], "score")


def motion(made: Made) -> str:
    """The value that holds motion2."""
    return add(made, "Gather", ["features", np.array([5])], "motion", at=0, axis=1)


def beside(path: Path, name: str) -> Path:
    """A folder of the checkout that a registered model is in."""
    return path.parents[1] / name


def edit_record(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Change a registered model's golden record."""

    def edit(path: Path) -> None:
        record = beside(path, "fixtures") / f"golden/records/{path.stem}.json"
        content = json.loads(record.read_text(encoding="utf-8"))
        change(content)
        record.write_text(json.dumps(content), encoding="utf-8")

    return edit


def in_floats(made: Made) -> None:
    """The same weights, as plain float32 instead of integers and a scale."""
    nodes = made.model.graph.node
    for layer in ("sum0", "raw_score"):
        put(
            made, f"{layer}_weights", (weights(made, f"{layer}_integers") * weights(made, f"{layer}_scale")).astype("f")
        )
        for node in [node for node in nodes if node.output[0] in (f"{layer}_floats", f"{layer}_weights")]:
            nodes.remove(node)
        for name in ("integers", "scale"):
            made.model.graph.initializer.remove(tensor(made, f"{layer}_{name}"))


def noise(made: Made, size: float) -> None:
    """Every weight is off by about a part of itself."""
    in_floats(made)
    random = np.random.default_rng(0)
    for name in ("scales", "sum0_weights", "sum0_bias", "raw_score_weights", "raw_score_bias"):
        value = weights(made, name)
        put(made, name, (value * (1 + size * random.standard_normal(value.shape))).astype(np.float32))


def outside(made: Made, location: str) -> None:
    """Keep a weight in a file elsewhere."""
    held = tensor(made, "sum0_bias")
    held.ClearField("raw_data")
    held.data_location = TensorProto.EXTERNAL
    held.external_data.add(key="location", value=location)


def row(one: Break) -> str:
    """Its line in docs/gates.md."""
    how = {REGISTERED: "registered", FILE: "`--model`", ADOPTED: "`--model`, sidecar of others", ENGINES: "`--model`"}
    caught = "COULD NOT RUN" if one.gate == NOBODY else f"`{one.gate}`"
    where = f"`{one.says}`" if one.kind == ELSEWHERE else how[one.kind]
    return f"| `{one.name}` | {one.what} | {where} | {caught} | {', '.join(one.green)} |".replace("  |", " |")
