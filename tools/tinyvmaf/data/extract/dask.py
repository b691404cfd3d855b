"""Measures jobs on an existing Dask cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinyvmaf.data.extract.job import Measure, measure
from tinyvmaf.errors import TinyvmafError, install

_CONNECT_TIMEOUT_S = 10


@contextmanager
def dask_cluster(address: str) -> Iterator[tuple[Measure, int]]:
    """Connect to a Dask scheduler.

    Yields a function that measures a job on a worker, and the number of jobs to keep in flight. When a worker dies, the
    scheduler gives its jobs to another.

    Raises:
        TinyvmafError: Dask is not installed, nothing answers at the address, or the cluster has no worker.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise TinyvmafError("Dask is not installed", hint=install("dask")) from error
    try:
        connect: Any = Client  # it has no type annotations
        client = connect(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TinyvmafError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise TinyvmafError(f"the Dask cluster at {address} has no worker")
        # Not pure: the result depends on files, and the scheduler cannot see them change.
        with client.get_executor(pure=False) as executor:
            yield lambda job: executor.submit(measure, job).result(), 2 * threads
