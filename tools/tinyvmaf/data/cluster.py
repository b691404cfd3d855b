"""Extraction on an existing Dask cluster: the same function, run where the workers are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.extract import Job, measure
from tinyvmaf.errors import TinyvmafError, install

Run = Callable[[Job], tuple[str, dict[str, NDArray[np.float64]]]]
_CONNECT_TIMEOUT_S = 10


@contextmanager
def cluster(address: str) -> Iterator[tuple[Run, int]]:
    """Connect to a scheduler.

    Gives a function that measures a job on some worker, and how many jobs to keep in flight. A worker that dies loses
    nothing: the scheduler gives its jobs to another.

    Raises:
        TinyvmafError: Dask is not installed, nobody answers at the address, or the cluster has no worker.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise TinyvmafError("Dask is not installed", hint=install("dask")) from error
    try:
        connect: Any = Client  # it has no types
        client = connect(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TinyvmafError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise TinyvmafError(f"the Dask cluster at {address} has no worker")
        # Not pure: a job's result depends on files, which the scheduler cannot see change.
        with client.get_executor(pure=False) as executor:
            yield lambda job: executor.submit(measure, job).result(), 2 * threads
