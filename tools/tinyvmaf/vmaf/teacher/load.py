"""Loads teachers from the installed libvmaf or from a JSON file, and checks their sha256."""

import json
import mmap
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from tinyvmaf.errors import CouldNotRunError, TeacherError, known_hint
from tinyvmaf.files import cache_folder, read_bounded, sha256, write_atomic
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher.model import Teacher
from tinyvmaf.vmaf.teacher.parse import parse

DEFAULT: Final = "vmaf_v0.6.1"

KNOWN: Final = {
    "vmaf_v0.6.1": "5950d61fa1f861bd45d8149d80539ed9f3376cfc2495b8f0fa8e9f57cb131ee3",
    "vmaf_v0.6.1neg": "1fcda193aaa2a3136471b7516b3c5dc344546c05fcde2d58609f8c60a2387392",
    "vmaf_4k_v0.6.1": "73b187001309703c89d57cf58baab01660bd11e4ea6fac62bc064c5f5da6dac8",
    "vmaf_4k_v0.6.1neg": "f92048bf94401a5b915f551eb248709275c61df5f20d062a3ae010dcf4d4e8fc",
    "vmaf_float_v0.6.1": "26573aa333346f1109226e7283969e8b3581119a1ab7f18897767351dd963ff8",
    "vmaf_b_v0.6.3": "34f620dbaff662fe7d33dd80326553c2cc3910e4135349ba4c367171d3a3cfbd",
    "vmaf_v1.0.16_3d0h": "e4cf8c147e1368b35497d772920bc92f98c1ad7853c1033d8a836947f427140e",
    "vmaf_v1.0.16_3d0h_2160": "77f552fd8d5b6c6a2166bfc4470c9368ec68d2425ed40f1cc235b0cc500f33c2",
    "vmaf_v1.0.16_5d0h": "64e12d9c1e4ed5d79da7fa515b82fac7247a9e2ccc91e0ebce31d05489500385",
    "vmaf_v1.0.16_1d5h_2160": "634d36e0502cb797384726cdd1a106a2c207827595a9e4958d3dae1bd517b139",
}
"""sha256 of the JSON text of each published model (Netflix vmaf, model/)."""

_STARTS: Final = (b'{\n    "param_dict": {', b'{\n    "0": {')
_MAX_JSON_BYTES: Final = 1 << 20
MOST_BYTES: Final = 1 << 26
"""Of a model file that is named. All that libvmaf carries have 1.1 MB together."""


def load_built_in(ffmpeg: FFmpeg, teacher_id: str = DEFAULT) -> Teacher:
    """The teacher of this id from the libvmaf inside this FFmpeg.

    Raises:
        TeacherError: an unknown id, or this libvmaf lacks the published model; names the expected and the found
            hashes.
    """
    if teacher_id not in KNOWN:
        raise TeacherError(f"unknown teacher {teacher_id!r}", hint=known_hint(teacher_id, KNOWN))
    status = ffmpeg.path.stat()
    found = _model_texts(ffmpeg.path, status.st_size, status.st_mtime_ns)
    expected = KNOWN[teacher_id]
    if expected not in found:
        listed = ", ".join(found) or "no model (is its libvmaf a shared library?)"
        raise TeacherError(
            f"{teacher_id}: expected sha256 {expected}; {ffmpeg.path} has {listed}",
            hint="give the published model file with --teacher-json FILE",
        )
    return parse(found[expected], teacher_id)


def load_carried(ffmpeg: FFmpeg, teacher_ids: Iterable[str]) -> dict[str, Teacher]:
    """Those of these teachers that this libvmaf has, by id; an older one lacks some.

    Raises:
        CouldNotRunError: it has none of them.
    """
    found, names = {}, list(teacher_ids)
    for name in names:
        with suppress(TeacherError):
            found[name] = load_built_in(ffmpeg, name)
    if not found:
        raise CouldNotRunError(f"{ffmpeg} carries none of {', '.join(names)}")
    return found


def load_json(path: Path, *, expected_sha256: str | None = None, believed: Collection[str] = ()) -> Teacher:
    """A teacher from a model JSON file.

    Args:
        expected_sha256: the sha256 of a model that Netflix did not publish; its id becomes the file's name. None: the
            file must be a published model.
        believed: sha256s of further models, published or not, such as those that the sidecars of models name.

    Raises:
        TeacherError: unreadable, not a VMAF model, or another sha256 than expected; names both.
    """
    try:
        raw = read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise TeacherError(f"{path}: {error.strerror}") from error
    actual = sha256(raw)
    if expected_sha256 is not None and actual not in believed:
        if actual != expected_sha256.lower():
            raise TeacherError(f"{path}: sha256 is {actual}, expected {expected_sha256}")
        return parse(raw, path.stem)
    for teacher_id, known in KNOWN.items():
        if actual == known:
            return parse(raw, teacher_id)
    if actual in believed:
        return parse(raw, path.stem)
    same_name = KNOWN.get(path.stem)
    expected = f"{path.stem} is {same_name}" if same_name else "the published ones are " + ", ".join(KNOWN.values())
    raise TeacherError(
        f"{path}: sha256 is {actual}; {expected}",
        hint="for your own model, give its hash with --teacher-sha256",
    )


@lru_cache(maxsize=4)
def _model_texts(path: Path, size: int, mtime_ns: int) -> dict[str, bytes]:
    """The JSON texts of the models inside an executable, by sha256. `size` and `mtime_ns` are part of the cache key.

    To search 140 MB takes a tenth of a second, so what is found is kept in the cache folder.
    """
    kept = cache_folder() / "libvmaf" / f"{sha256(f'{path.resolve()} {size} {mtime_ns}'.encode())}.json"
    with suppress(OSError, ValueError, AttributeError, TypeError):
        texts = [text.encode("latin-1") for text in json.loads(kept.read_text(encoding="utf-8"))]
        return {sha256(text): text for text in texts}
    found = _searched(path)
    with suppress(OSError):  # a cache that cannot be written
        write_atomic(kept, json.dumps([text.decode("latin-1") for text in found.values()]))
    return found


def _searched(path: Path) -> dict[str, bytes]:
    texts: dict[str, bytes] = {}
    decoder = json.JSONDecoder()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        for start in _STARTS:
            at = image.find(start)
            while at >= 0:
                # Other data may follow the text: read one JSON value.
                try:
                    _, end = decoder.raw_decode(image[at : at + _MAX_JSON_BYTES].decode("latin-1"))
                except ValueError:
                    end = 0
                if end:
                    raw = image[at : at + end]
                    texts[sha256(raw)] = raw
                at = image.find(start, at + max(end, 1))
    return texts
