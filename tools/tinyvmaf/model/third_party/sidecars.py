"""Sidecars of other projects: their dialects, and what in them may change a score."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import TooLargeError, read_bounded
from tinyvmaf.model.contract import LARGEST_SIDECAR
from tinyvmaf.model.contract.words import quoted

ORDER: Final = ("features", "feature_order", "feature_names", "input_features")
MEAN: Final = ("feature_mean", "input_mean", "mean", "scaler_mean", "mean_")
STD: Final = ("feature_std", "input_std", "std", "scaler_scale", "scale_")
# In a table of its own the scaler's numbers have these names; scikit-learn calls its divisor a scale.
_SCALER: Final = re.compile(r"(input_?|feature_?)?(scaler|norm|normali[sz]ation|standardi[sz]ation|preprocessing)")
_IN_SCALER: Final = {"mean": MEAN[0], "mean_": MEAN[0], "std": STD[0], "scale": STD[0], "scale_": STD[0]}
# Keys that probably transform inputs or outputs. If such a key is unknown here, every score may be wrong.
_STEP: Final = r"(mean|std|stddev|scale|offset|shift|bias|min|max|norm[a-z]*|clip|transform|log|range)s?"
_NORMALISES: Final = re.compile(
    rf"(input|feature|x)s?{_STEP}|(mean|std|stddev)s?|norm[a-z]*|standardi[sz][a-z]*|scaler[a-z]*|scaling|preprocess[a-z]*"
)
_DOES_MORE: Final = re.compile(
    rf"(output|target|score|label|y)s?{_STEP}|(scale|offset|shift)s?|postprocess[a-z]*|transforms?|log(1p|10|2)"
)
# Keys of results: nothing in them feeds the model.
_RESULTS: Final = re.compile(
    r"(.*_)?(plcc|srocc|krocc|pearson|spearman|kendall|rmse|mae|mse|r2|loss|losses|accuracy|errors?|metrics?|cv|folds?"
    r"|importances?|history|eval|evaluation|validation|results?|performance)(_.*)?"
)
# Keys of numbers that describe an architecture, however many there are.
_SIZES: Final = re.compile(r"(.*_)?(hidden|layers|units|widths|sizes|shape|seeds)(_.*)?")


class UndescribedError(CouldNotRunError):
    """The description of how a model is fed is missing or contradicts itself."""


def sidecar_of(path: Path) -> Path | None:
    """The sidecar beside a model, `NAME.json` or `NAME.onnx.json`, if there is one.

    Raises:
        UndescribedError: both exist.
    """
    beside = [path.with_suffix(".json"), path.with_name(f"{path.name}.json")]
    found = [one for one in beside if os.path.lexists(one)]  # also what is no file: `read_sidecar` refuses it
    if len(found) > 1:
        raise UndescribedError(f"{path} has two sidecars, {found[0].name} and {found[1].name}", hint="keep one of them")
    return found[0] if found else None


def read_sidecar(sidecar: Path | None) -> dict[str, Any]:
    """Content of a sidecar; empty without one.

    Raises:
        UndescribedError: it is not a JSON object, or too large.
    """
    if sidecar is None:
        return {}
    try:
        content = json.loads(read_bounded(sidecar, LARGEST_SIDECAR).decode("utf-8-sig"))  # Windows' editors write a BOM
    except TooLargeError as error:
        raise UndescribedError(
            f"{sidecar} has {error.size} bytes; a sidecar has fewer than {LARGEST_SIDECAR}"
        ) from error
    except RecursionError:
        raise UndescribedError(f"{sidecar}: nested too deeply") from None
    except (OSError, ValueError) as error:
        raise UndescribedError(f"{sidecar}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(content, dict):
        raise UndescribedError(f"{sidecar} is not a JSON object")
    return content


def strange_keys(content: Mapping[str, Any], width: int, *, graph_normalises: bool, within: str = "") -> Iterator[str]:
    """Unknown keys, at any depth, that may change inputs or outputs: by name, or by holding one number a feature.

    Args:
        within: the table that this one is in. Keys that are read at the top are read nowhere else.
        graph_normalises: an option says so; what would normalise inputs only describes the graph then.
    """
    known = set() if within else {*ORDER, *MEAN, *STD}
    for key, value in content.items():
        plain, snake = re.sub(r"[^a-z0-9]", "", key.lower()), re.sub(r"[^a-z0-9]+", "_", key.lower())
        numbers = list(value.values()) if isinstance(value, dict) else value
        a_number_each = (
            isinstance(numbers, list) and len(numbers) == width and all(isinstance(one, int | float) for one in numbers)
        )
        if key in known or not value or _RESULTS.fullmatch(snake):
            continue
        if _DOES_MORE.fullmatch(plain):
            yield quoted(within + key)
        elif _NORMALISES.fullmatch(plain) or (a_number_each and not _SIZES.fullmatch(snake)):
            if not (graph_normalises or _is_scaler(key, value)):
                yield quoted(within + key)
        elif isinstance(value, dict):
            yield from strange_keys(value, width, graph_normalises=graph_normalises, within=f"{within}{key}.")


def _is_scaler(key: str, value: Any) -> bool:
    """Whether it is a table of a scaler's mean and std, and of nothing else."""
    return isinstance(value, dict) and bool(_SCALER.fullmatch(key.lower())) and set(value) <= set(_IN_SCALER)


def with_scaler(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The sidecar with the numbers of a scaler's table under the names that they have outside of one."""
    found = dict(content)
    for key, value in content.items():
        if _is_scaler(key, value):
            for inner, number in value.items():
                found.setdefault(_IN_SCALER[inner], number)
                if found[_IN_SCALER[inner]] != number:
                    raise UndescribedError(f"sidecar: {key}.{inner} and {_IN_SCALER[inner]} say different things")
    return found
