"""What was measured of a filter is kept: the same file on the same frames by the same libvmaf is not measured again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import tinyvmaf
from tinyvmaf.code_digest import code_digest
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import sha256
from tinyvmaf.measure.harm.applied import Filter
from tinyvmaf.measure.harm.clips import FilterClip
from tinyvmaf.measure.harm.found import HarmFound
from tinyvmaf.measure.harm.measured import measure_harm, scores_of
from tinyvmaf.vmaf.ffmpeg import FFmpeg

_FOUND: Final = "found"


def stored_harm(
    filtered: Filter,
    model_sha256: str,
    runtime: str,
    clips: Sequence[FilterClip],
    ffmpeg: FFmpeg,
    store: Store | None,
) -> HarmFound:
    """As `measure_harm`; what the store has is not measured again.

    Args:
        model_sha256: of the filter's file.
        runtime: the engine that runs it, and its version.
        store: None keeps nothing.

    Raises:
        TinyvmafError: as `measure_harm`; nothing is kept then.
    """
    if store is None:
        return measure_harm(filtered, clips, ffmpeg)
    frames = {"clips": [_told(clip) for clip in clips], "ffmpeg": store.digest(ffmpeg.path), "code": _code()}
    about = {"model": model_sha256, "runtime": runtime}

    def measured() -> object:
        scores = _kept(store, {"what": "clips without a filter", **frames}, lambda: scores_of(clips, ffmpeg), {})
        return asdict(measure_harm(filtered, clips, ffmpeg, scores))

    return HarmFound.of(_kept(store, {"what": "harm of a filter", **frames, **about}, measured, about))


def _kept(store: Store, fields: Mapping[str, Any], measure: Callable[[], object], about: Mapping[str, str]) -> Any:
    """What was measured, as JSON has it: from the store, or now and then kept there."""
    import pyarrow as pa

    key = key_of(fields)
    kept = store.get(key)
    if kept is None:
        store.put(key, pa.table({_FOUND: [json.dumps(measure())]}), about)
        kept = store.get(key)
    if kept is None:
        raise CouldNotRunError(f"the store {store.folder} loses what is put into it", hint="run again")
    return json.loads(kept[_FOUND][0].as_py())


def _told(clip: FilterClip) -> list[object]:
    return [clip.id, clip.source, clip.vmaf, sha256(clip.distorted.tobytes()), sha256(clip.reference.tobytes())]


def _code() -> str:
    """Of the modules that measure, here and where the SVR is."""
    package = Path(tinyvmaf.__file__).parent
    modules = [*Path(__file__).parent.glob("*.py"), *(package / "vmaf" / "teacher").glob("*.py")]
    return code_digest([path.relative_to(package).as_posix() for path in modules], package)
