"""Latency baselines: for each model id, the accepted file that the model may not be slower than.

`model/baseline/` has the ONNX files and `baseline.json`, which lists the sha256, date and reason of each acceptance. A
model and its baseline are timed in one process, so machine and runtime are the same for both.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tinyvmaf.errors import RegistryError, TinyvmafError
from tinyvmaf.files import sha256, write_atomic
from tinyvmaf.model import registry
from tinyvmaf.project import project, writable

FILE: Final = "baseline.json"


class BaselineError(TinyvmafError):
    """A model has no baseline, or the baseline is not the accepted file."""


@dataclass(frozen=True)
class Baseline:
    """The accepted file of a model."""

    id: str
    sha256: str
    accepted: str
    """Date, UTC."""
    reason: str

    def data(self, folder: Path | None = None) -> bytes:
        """The ONNX file.

        Raises:
            BaselineError: the file is missing, or is not the accepted one.
        """
        path = _folder(folder) / f"{self.id}.onnx"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BaselineError(f"{path}: {error.strerror}", hint=_hint(self.id)) from error
        if sha256(data) != self.sha256:
            raise BaselineError(f"{path}: sha256 is {sha256(data)}, accepted was {self.sha256}", hint=_hint(self.id))
        return data


def baselines(folder: Path | None = None) -> dict[str, Baseline]:
    """All baselines by model id; empty if none was accepted.

    Raises:
        BaselineError: `baseline.json` is not valid.
    """
    path = _folder(folder) / FILE
    if not path.exists():
        return {}
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return {entry["id"]: Baseline(**entry) for entry in listed}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BaselineError(f"{path}: {error!r}") from error


def find(model_id: str, folder: Path | None = None) -> Baseline:
    """The baseline of a model.

    Raises:
        BaselineError: the model has none.
    """
    known = baselines(folder)
    if model_id not in known:
        raise BaselineError(f"{model_id} has no latency baseline", hint=_hint(model_id))
    return known[model_id]


def accept(model_ids: Sequence[str], reason: str, folder: Path | None = None) -> list[Baseline]:
    """Accept registered models, as they are now, as baselines.

    Baselines of models that are no longer registered are removed. The list is written after the model files.

    Raises:
        RegistryError: a model is not registered, or its file is not the registered one.
        BaselineError: there is no reason.
    """
    if not reason.strip():
        raise BaselineError("a new baseline needs a reason", hint="--reason 'why a slower model is wanted'")
    known = {one.id: one for one in registry.subjects()}
    kept = {name: old for name, old in baselines(folder).items() if name in known}
    now = datetime.now(UTC).date().isoformat()
    moved = []
    for model_id in model_ids:
        subject = registry.find(model_id, writable().models)
        if wrong := registry.faults(subject):
            raise RegistryError(f"{model_id} is not what was registered: {wrong[0]}")
        moved.append(Baseline(model_id, subject.sha256, now, reason.strip()))
    for one in moved:
        write_atomic(_folder(folder) / f"{one.id}.onnx", known[one.id].file.read_bytes())
    kept |= {one.id: one for one in moved}
    _write(kept, folder)
    return moved


def forget(model_id: str, folder: Path | None = None) -> None:
    """Remove the baseline of a model, if it has one."""
    if model_id in (known := baselines(folder)):
        _write({name: one for name, one in known.items() if name != model_id}, folder)


def _write(kept: Mapping[str, Baseline], folder: Path | None) -> None:
    """Write the list, and remove the files of all others."""
    folder = folder or writable().baselines
    content = [asdict(kept[name]) for name in sorted(kept)]
    write_atomic(_folder(folder) / FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    for path in _folder(folder).glob("*.onnx"):
        if path.stem not in kept:
            path.unlink()


def _folder(folder: Path | None) -> Path:
    return folder or project().baselines


def _hint(model_id: str) -> str:
    return f"tinyvmaf bench baseline --accept {model_id} --reason '...'"
