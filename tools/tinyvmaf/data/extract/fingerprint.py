"""The fingerprint of a machine: what decides which numbers it measures, and what it measured of a probe clip."""

import json
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf import scratch
from tinyvmaf.data.extract.job import Job, executable_digest, measure
from tinyvmaf.data.extract.loaded_code import loaded_code
from tinyvmaf.data.extract.probe_clip import SIZE, write_probe_clip
from tinyvmaf.data.measured_with import measuring_modules, packages
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.frame_features import FRAME_FEATURES, version_of

_OWN: Final = ("fingerprint", "loaded_code", "probe_clip", "worker")
_TIMEOUT_S: Final = 60.0
_SHOWN: Final = 3


@dataclass(frozen=True)
class Fingerprint:
    """What a machine measures with."""

    host: str
    """Its name, and the folder of its tinyvmaf; they are not compared."""
    code: dict[str, str]
    """By module: a hash of its file and of what is loaded of it."""
    packages: dict[str, str]
    ffmpeg: tuple[str, str]
    """Version, and digest of the executable."""
    root: bool
    """Whether the data root is there."""
    probe: dict[str, list[str]]
    """The columns of the probe clip, as hexadecimal floats: bit for bit."""
    fault: str
    """Why the probe clip has no columns."""

    @property
    def digest(self) -> str:
        """A hash of all that is compared."""
        return sha256(json.dumps(asdict(replace(self, host="")), sort_keys=True).encode())


def running_code(job: Job) -> dict[str, str]:
    """The code that measures a job in this process, by module."""
    here = [f"{__package__}.{name}" for name in _OWN]
    own = {name: version_of(name) for name in job.request.features if name in FRAME_FEATURES}
    return loaded_code((*measuring_modules(), *here)) | own


def fingerprint(job: Job) -> Fingerprint:
    """The fingerprint of this machine for the job's request: the probe clip has every column that the job will have."""
    fault, columns, version = "", dict[str, list[str]](), ("none", "")
    try:
        ffmpeg = find_ffmpeg(job.ffmpeg)
        version = (ffmpeg.version, executable_digest(ffmpeg.path))
        if version[1] == job.ffmpeg_digest:
            with scratch.folder() as path:
                request = replace(job.request, timeout=_TIMEOUT_S)
                probe = replace(job, clip=write_probe_clip(path), root=path, geometry=SIZE, request=request, files=())
                found = measure(probe).columns
            columns = {name: [float(value).hex() for value in found[name]] for name in sorted(found)}
    except (TinyvmafError, OSError) as error:
        fault = str(error)
    host = f"{platform.node()}, {Path(__file__).parents[2]}"
    return Fingerprint(host, running_code(job), packages(), version, job.root.is_dir(), columns, fault)


def differences(own: Fingerprint, other: Fingerprint, root: Path) -> list[tuple[str, str]]:
    """How another machine differs from this one, each with what to type there; empty if it measures the same."""
    found = []
    modules = sorted(n for n in own.code.keys() | other.code.keys() if own.code.get(n) != other.code.get(n))
    us, them = own.packages["python"], other.packages["python"]
    if us != them:  # the same code has other instructions
        found.append((f"Python {them}, not {us}", f"use Python {us} there"))
    elif modules:
        names = ", ".join(modules[:_SHOWN]) + (f" and {len(modules) - _SHOWN} more" if len(modules) > _SHOWN else "")
        found.append((f"other code in {names}", "install this tinyvmaf there, then restart the worker"))
    for name in own.packages.keys() - {"python"}:
        if own.packages[name] != (version := other.packages.get(name, "none")):
            found.append((f"{name} {version}, not {own.packages[name]}", f"pip install {name}=={own.packages[name]}"))
    if own.ffmpeg != other.ffmpeg:
        them, us = (f"{version} ({digest[:12]})" for version, digest in (other.ffmpeg, own.ffmpeg))
        hint = "pip install the same imageio-ffmpeg there, or set TINYVMAF_FFMPEG there before the worker starts"
        found.append((f"another build of FFmpeg, {them}, not {us}", hint))
    if own.root and not other.root:
        found.append((f"does not see the data root {root}", "mount the data root at the same path everywhere"))
    if other.fault and own.ffmpeg == other.ffmpeg:
        found.append((f"cannot measure the probe clip: {other.fault}", "mend it there, then restart the worker"))
    elif own.ffmpeg == other.ffmpeg and (what := _probe_difference(own.probe, other.probe)):
        found.append((what, "run the workers on machines and code that give the same numbers"))
    return found


def _probe_difference(own: dict[str, list[str]], other: dict[str, list[str]]) -> str:
    if own.keys() != other.keys():
        return f"the probe clip has other columns: {', '.join(sorted(own.keys() ^ other.keys())[:_SHOWN])}"
    told = []
    for name in (name for name in own if own[name] != other[name]):
        us, them = (np.array([*map(float.fromhex, columns[name])]) for columns in (own, other))
        worst = np.abs(them - us).max() if len(us) == len(them) else None
        told.append(f"{name} by {'its rows' if worst is None else f'{worst:.6g}'}")
    return f"the probe clip differs in {', '.join(told[:_SHOWN])}" if told else ""
