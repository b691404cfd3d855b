"""What runs on a Dask worker."""

import asyncio
import threading
from typing import Final, NamedTuple

from tinyvmaf.data.extract.fingerprint import Fingerprint, fingerprint, running_code
from tinyvmaf.data.extract.job import Job, MeasuredClip, measure
from tinyvmaf.files import sha256

_known: Final[dict[tuple[str, str], Fingerprint]] = {}
_mutex = threading.Lock()


class WorkerAnswer(NamedTuple):
    """What a worker measured, and with what."""

    worker: str
    """Its address."""
    fingerprint: str
    """The digest of its fingerprint."""
    clip: MeasuredClip | None
    """None: the fingerprint is another than was asked for, so nothing was measured."""


async def own_fingerprint(job: Job) -> Fingerprint:
    """The fingerprint of this worker. A thread computes it, so the worker goes on answering its scheduler."""
    return await asyncio.to_thread(_fingerprint, job, True)


def measure_if_same(job: Job, wanted: str) -> WorkerAnswer:
    """Measure a job, if this worker has the wanted fingerprint."""
    from distributed import get_worker

    address = str(get_worker().address)
    own = _fingerprint(job).digest
    return WorkerAnswer(address, own, measure(job) if own == wanted else None)


def _fingerprint(job: Job, anew: bool = False) -> Fingerprint:
    """The probe clip is measured once, until the code changes that this process runs."""
    request = sha256(repr((job.request, job.root, job.ffmpeg_digest, [one.id for one in job.teachers])).encode())
    key = (request, sha256(repr(running_code(job)).encode()))
    with _mutex:
        if anew or key not in _known:
            _known[key] = fingerprint(job)
        return _known[key]
