"""Reads libvmaf's JSON log into a table of finite numbers."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import LogError
from tinyvmaf.vmaf.media.seen import PairSeen


@dataclass(frozen=True)
class FrameTable:
    """libvmaf's results for one pair, one row per frame."""

    version: str
    """libvmaf's version, from its log, for example `86da14d`."""
    columns: Mapping[str, NDArray[np.float64]]
    """float64 `[T]` by column name of the log, rounded by libvmaf to 6 decimals."""
    pooled: Mapping[str, Mapping[str, float]]
    """libvmaf's min, max, mean and harmonic_mean of each column."""
    precise: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """float64 `[T]` to 12 decimals by feature name, for each feature with a probe."""
    command: tuple[str, ...] = ()
    """The FFmpeg command that wrote the log."""
    inputs: PairSeen | None = None
    """What was found in the inputs, and what was decided; None: a log that was read alone."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str) -> NDArray[np.float64]:
        """A column of the log, float64 `[T]`.

        Raises:
            LogError: the log has no such column.
        """
        if name not in self.columns:
            raise LogError(f"libvmaf {self.version} gave no {name!r}", hint=f"it gave {', '.join(self.columns)}")
        return self.columns[name]

    def features(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The named features (such as `adm2`) in this order, to 12 decimals, float64 `[T, F]`.

        Raises:
            LogError: a feature was not measured.
        """
        for name in names:
            if name not in self.precise:
                raise LogError(f"feature {name!r} was not measured", hint=f"measured: {', '.join(self.precise)}")
        return np.stack([self.precise[name] for name in names], axis=1)


def parse_log(
    text: str, *, frames: int | None, command: tuple[str, ...] = (), may_be_null: Sequence[str] = ()
) -> FrameTable:
    """Read libvmaf's JSON log.

    Args:
        text: the log.
        frames: the number of frames that the log must have; None: any.
        may_be_null: prefixes of the columns that may hold null, which becomes NaN.

    Raises:
        LogError: not a log, frames missing or out of order, a column missing in a frame, or a value not finite; names
            column and frame.
    """
    try:
        log: dict[str, Any] = json.loads(text)
        entries = log["frames"]
        version, pooled = str(log["version"]), _numbers(log["pooled_metrics"])
        numbers = [entry["frameNum"] for entry in entries]
        metrics = [entry["metrics"] for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Also for older libvmaf, which writes a bare `nan` or `inf`.
        raise LogError(f"libvmaf's log cannot be read: {error!r}") from error
    if not entries:
        raise LogError("libvmaf's log has no frames")
    frames = len(entries) if frames is None else frames
    if numbers != list(range(frames)):
        missing = sorted(set(range(frames)) - set(numbers))
        detail = f", without frame {missing[0]}" if missing else ""
        raise LogError(f"libvmaf's log has {len(numbers)} frames{detail}; the inputs have {frames}")
    columns: dict[str, NDArray[np.float64]] = {}
    for name in dict.fromkeys(key for row in metrics for key in row):
        values = [row.get(name) for row in metrics]
        for frame, value in enumerate(values):
            if name not in metrics[frame]:
                raise LogError(f"libvmaf's log has no {name!r} at frame {frame}")
            if value is None and name.startswith(tuple(may_be_null)):
                continue
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                raise LogError(
                    f"libvmaf gave {name!r} at frame {frame} as {'null' if value is None else value}, which is not "
                    "a finite number",
                    hint="leave this feature out",
                )
        columns[name] = np.array(values, dtype=np.float64)
    return FrameTable(version, columns, pooled, command=command)


def _numbers(pooled: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float]]:
    """Pooled values, with NaN for null."""
    return {
        column: {name: math.nan if value is None else value for name, value in values.items()}
        for column, values in pooled.items()
    }
