"""What libvmaf is asked for: models and features."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.features import CANONICAL_FEATURES, Feature
from tinyvmaf.vmaf.libvmaf.probe import probe_id, probe_json

_FEATURE = re.compile(r"[a-z0-9_]+(:[a-z0-9_]+=[A-Za-z0-9_.+-]+)*")
INFINITE_WHERE_EQUAL: Final = ("psnr_hvs", "ciede")
"""How the columns begin that are infinite where two planes are equal; the log then has null."""
_MODEL_ID = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class VmafModel:
    """A VMAF model for libvmaf to run; its scores become the column `id`."""

    id: str
    json: bytes | None = None
    """The model's JSON; None: the model of this id that is built into libvmaf."""
    features: tuple[Feature, ...] = ()
    """The features of the model that the table must have to 12 decimals."""


@dataclass(frozen=True)
class LibvmafRequest:
    """What libvmaf computes of each pair.

    Raises:
        TinyvmafError: not a name of a feature or model, or a model that is named twice.
    """

    models: tuple[VmafModel, ...] = (VmafModel("vmaf_v0.6.1"),)
    """May be empty."""
    features: tuple[str, ...] = ()
    """More features, as `name` or `name:option=value`, such as `psnr` or `float_ssim`."""
    may_be_null: tuple[str, ...] = INFINITE_WHERE_EQUAL
    """Prefixes of the columns that may have no value, which becomes NaN (`psnr_hvs` of equal planes is infinite); in
    all other columns a missing value is an error."""

    def __post_init__(self) -> None:
        for feature in self.features:
            if not _FEATURE.fullmatch(feature):
                raise TinyvmafError(f"{feature!r} is not a libvmaf feature", hint="write name or name:option=value")
        ids = [model.id for model in self.models]
        for name in ids:
            if not _MODEL_ID.fullmatch(name):
                raise TinyvmafError(f"{name!r} is not a model id")
        if len(set(ids)) != len(ids):
            raise TinyvmafError(f"a model is named twice: {', '.join(ids)}")

    @property
    def probed(self) -> tuple[Feature, ...]:
        """The features of which the table has 12 decimals: canonical-6 and those of the models."""
        wanted = (*CANONICAL_FEATURES, *(feature for model in self.models for feature in model.features))
        return tuple({feature.name: feature for feature in wanted}.values())

    def filter_options(self, folder: Path, log_name: str, threads: int) -> str:
        """The options of FFmpeg's libvmaf filter; writes the models' JSON files into `folder`, where FFmpeg runs."""
        chosen = []
        probes = [VmafModel(probe_id(i), probe_json(feature)) for i, feature in enumerate(self.probed)]
        for number, model in enumerate([*self.models, *probes]):
            if model.json is None:
                source = f"version={model.id}"
            else:
                source = f"path=model{number}.json"
                Path(folder, f"model{number}.json").write_bytes(model.json)
            chosen.append(rf"{source}\:name={model.id}")
        # File names relative to FFmpeg's working folder need no escaping.
        options = [f"log_path={log_name}", "log_fmt=json", f"n_threads={threads}", f"model='{'|'.join(chosen)}'"]
        if self.features:
            named = "|".join("name=" + name.replace(":", r"\:") for name in self.features)
            options.append(f"feature='{named}'")
        return ":".join(options)
