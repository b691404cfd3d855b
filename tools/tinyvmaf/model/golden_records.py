"""Golden records: each registered model's own scores on the golden rows, written by `tox -e golden -- --record`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.golden.rows import GoldenRows
from tinyvmaf.errors import GoldenError
from tinyvmaf.files import write_atomic
from tinyvmaf.model.contract import OUTPUT
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.golden_pictures import given_for_pictures
from tinyvmaf.model.subject import Subject
from tinyvmaf.project import project, writable

_KEY = {OUTPUT: "scores"}
"""Under which name a record has an output, if not under its own."""
HINT = (
    "record it deliberately: tox -e golden -- --record, or pytest --pyargs tinyvmaf.suites.golden --record (that run "
    "fails), look at the change, commit it"
)


def record_path(model_id: str) -> Path:
    """The record file of a model."""
    return project().records / f"{model_id}.json"


def recorded_ids() -> list[str]:
    """The ids of all models that have a record."""
    return sorted(path.stem for path in project().records.glob("*.json"))


def load_record(model_id: str, output: str = OUTPUT) -> dict[str, NDArray[np.float64]]:
    """A model's recorded scores, or its other recorded output: pair id to float64 `[T]`, VMAF points.

    Of a model that takes pictures, what `given_for_pictures` gives, by the name of the stack.

    Raises:
        GoldenError: the record is missing or damaged.
    """
    path = record_path(model_id)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        scores = {
            pair: np.array(values, dtype=np.float64) for pair, values in content[_KEY.get(output, output)].items()
        }
        if content["model"] != model_id:
            raise ValueError(f"is the record of {content['model']}")
        if any(values.ndim != 1 or not np.isfinite(values).all() for values in scores.values()):
            raise ValueError("a score is missing or not finite")
    except FileNotFoundError as error:
        raise GoldenError(f"{model_id} has no record ({path})", hint=HINT) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GoldenError(f"{path}: {error!r}", hint=HINT) from error
    return scores


def write_record(subject: Subject, rows: GoldenRows) -> bool:
    """Write a model's record.

    Returns:
        Whether the record changed.

    Raises:
        GoldenError: it takes features that the golden rows lack.
    """
    if subject.takes_pictures:
        given = {name: values[:, None] for name, values in given_for_pictures(subject).items()}
        return _written(subject, given)
    if lacking := rows.lacking(subject.features):
        raise GoldenError(
            f"{subject.id} takes {', '.join(lacking)}, which the golden rows do not have",
            hint=f"tinyvmaf golden freeze --teacher {subject.teacher_id}",
        )
    model = OnnxRuntimeCpu(subject.file)
    given = {
        name: model.run_all(pair.features(subject.features)).astype(np.float64)
        for name, pair in rows.pairs_with(subject.features).items()
    }
    return _written(subject, given)


def _written(subject: Subject, given: Mapping[str, NDArray[np.float64]]) -> bool:
    """Write what a model gives, `[N, K]` of K outputs by name, unless the record has it."""
    blocks = []
    for place, output in enumerate(subject.outputs):
        scores = {name: np.round(values[:, place], 6).tolist() for name, values in given.items()}
        body = ",\n".join(f"    {json.dumps(name)}: {json.dumps(values)}" for name, values in scores.items())
        blocks.append(f',\n  "{_KEY.get(output, output)}": {{\n{body}\n  }}')
    text = f'{{\n  "model": {json.dumps(subject.id)},\n  "sha256": "{subject.sha256}"{"".join(blocks)}\n}}\n'
    path = writable().records / f"{subject.id}.json"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_atomic(path, text)
    return True
