"""A Dask cluster gives the rows of this machine, or none: workers that measure otherwise are named and give nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tinyvmaf
from tinyvmaf.app.cli import main
from tinyvmaf.data.corpus import Corpus, scan
from tinyvmaf.data.extract import Extraction, ExtractionRequest, Job, extract, measure
from tinyvmaf.data.extract.dask import Cluster, dask_cluster
from tinyvmaf.data.extract.fingerprint import Fingerprint, differences, fingerprint
from tinyvmaf.data.extract.job import MeasuredClip
from tinyvmaf.data.store import Store
from tinyvmaf.errors import ClusterError, TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from ..effort import THOROUGH
from ..fixture_types import Clip

DIMS = "128x96"
CLIPS = 4
PATIENCE_S = 30.0


@pytest.fixture
def corpus(tmp_path: Path, clip: Clip) -> Corpus:
    folder = tmp_path / "root"
    for name in ("ref", "dis"):
        (folder / name).mkdir(parents=True)
    clip("A_25fps.yuv", folder=folder / "ref")
    for rung in range(1, CLIPS + 1):
        clip(f"A_{rung}_{90 * rung}_{100 * rung}.yuv", folder=folder / "dis", noise=5.0 * rung)
    for path in folder.rglob("*.yuv"):
        os.utime(path, (time.time() - 100,) * 2)
    return scan(folder, assume=DIMS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real scheduler with two worker processes; it restarts one that is killed."""
    import cloudpickle
    from distributed import LocalCluster

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as running:
        yield running.scheduler_address


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=PATIENCE_S)
        yield client


def started(address: str, folder: Path, *, package: Path | None = None) -> subprocess.Popen[bytes]:
    """A worker process without a nanny, which imports tinyvmaf from another folder."""
    environment = dict(os.environ)
    if package is not None:
        environment["PYTHONPATH"] = str(package)
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--no-dashboard"]
    more = ["--nthreads", "1", "--local-directory", str(folder)]
    return subprocess.Popen([*command, *more], env=environment, stderr=subprocess.DEVNULL)


def run(corpus: Corpus, store: Store, ffmpeg: FFmpeg, cluster: Cluster, **more: Any) -> Extraction:
    return extract(
        corpus, ExtractionRequest(), store, ffmpeg, jobs=cluster.slots, run=cluster.measure, remote=True, **more
    )


def spoil(how: str, ffmpeg: str = "") -> None:
    """Make the worker that runs this measure otherwise."""
    import numpy as np

    from tinyvmaf.data.extract import job

    worker: Any = job
    before = (worker.score_pair, np.stack, os.environ.get("TINYVMAF_FFMPEG"))
    vars(sys)["before"] = before

    def too_high(*arguments: Any, **named: Any) -> Any:
        table = before[0](*arguments, **named)
        return replace(table, precise={name: values + 1.0 for name, values in table.precise.items()})

    if how == "function":
        worker.score_pair = too_high
    elif how == "library":
        np.stack = lambda *arguments, **named: before[1](*arguments, **named) + 1.0  # type: ignore[assignment]
    elif how == "ffmpeg":
        os.environ["TINYVMAF_FFMPEG"] = ffmpeg


def mend() -> None:
    """Undo `spoil`."""
    import numpy as np

    from tinyvmaf.data.extract import job

    worker: Any = job
    worker.score_pair, np.stack, ffmpeg = vars(sys).pop("before")
    os.environ.pop("TINYVMAF_FFMPEG", None)
    if ffmpeg is not None:
        os.environ["TINYVMAF_FFMPEG"] = ffmpeg


def clips_of(store: Store) -> list[str]:
    return [clip for entry in store.entries() if (clip := store.about(entry.key).get("clip"))]


def test_the_command_gives_the_same_file_on_a_cluster(
    address: str, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["extract", "--data-root", str(corpus.root), "--assume-dims", DIMS, "--out"]
    assert main([*command, str(tmp_path / "here.parquet")]) == 0
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "another"))
    assert main([*command, str(tmp_path / "there.parquet"), "--dask", address]) == 0
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("function", r"other code in tinyvmaf\.data\.extract\.job; the probe clip differs in adm2 by 1, .* by 1"),
        ("library", r"the probe clip differs in adm2 by 1, "),
        ("ffmpeg", r"another build of FFmpeg, .* \(\w{12}\), not .* \(\w{12}\)"),
    ],
)
def test_a_worker_that_measures_otherwise_is_named_and_nothing_is_measured(
    how: str, what: str, address: str, client: Any, corpus: Corpus, store: Store, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    other = tmp_path / "ffmpeg"
    other.write_text(f'#!/bin/sh\nexec "{ffmpeg.path}" "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    wrong = sorted(client.nthreads())[0]
    client.run(spoil, how, str(other), workers=[wrong])
    try:
        with (
            dask_cluster(address) as cluster,
            pytest.raises(ClusterError, match=rf"1 of 2 Dask workers .*\n  {wrong} \(.*\): {what}"),
        ):
            run(corpus, store, ffmpeg, cluster)
    finally:
        client.run(mend, workers=[wrong])
    assert clips_of(store) == []


def test_workers_that_change_after_they_have_proven_themselves_give_no_row(
    address: str, client: Any, corpus: Corpus, store: Store, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinyvmaf.data.extract.dask._ANSWER_S", 3.0)
    done: list[Job] = []

    def measured(job: Job) -> MeasuredClip:
        if len(done) == 1:
            client.run(spoil, "function")
        done.append(job)
        return cluster.measure(job)

    try:
        with dask_cluster(address) as cluster, pytest.raises(ClusterError, match=r"no worker .* is left") as caught:
            extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=1, run=measured, remote=True)
    finally:
        client.run(mend)
    assert str(caught.value).count("its code changed after it had proven itself") == 2
    here = extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=2)
    assert here.computed == CLIPS - 1
    anew = extract(corpus, ExtractionRequest(), Store(store.folder / "anew"), ffmpeg, jobs=2)
    assert here.table is not None
    assert here.table.equals(anew.table)


def test_a_worker_that_joins_later_with_other_code_gives_no_row(
    address: str,
    client: Any,
    corpus: Corpus,
    store: Store,
    ffmpeg: FFmpeg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its file says 1.0 more; the run goes on without it."""
    monkeypatch.setattr("tinyvmaf.data.extract.dask._LOOK_S", 0.0)
    here = extract(corpus, ExtractionRequest(), Store(tmp_path / "here"), ffmpeg, jobs=2)
    ours = set(client.nthreads())
    package = tmp_path / "other" / "tinyvmaf"
    shutil.copytree(Path(tinyvmaf.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    file = package / "data/extract/job.py"
    true = "dict(zip(names, table.features(list(names)).T, strict=True))"
    text = file.read_text(encoding="utf-8")
    assert true in text
    file.write_text(text.replace(true, true.replace(".T", ".T + 1.0")), encoding="utf-8")
    late, done = list[subprocess.Popen[bytes]](), list[Job]()

    def measured(job: Job) -> MeasuredClip:
        if done and not late:
            late.append(started(address, tmp_path, package=package.parent))
            deadline = time.monotonic() + PATIENCE_S
            while set(client.nthreads()) <= ours:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        done.append(job)
        return cluster.measure(job)

    try:
        with dask_cluster(address) as cluster:
            there = extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=1, run=measured, remote=True)
    finally:
        for process in late:
            process.kill()
            process.wait()
    (why,) = cluster.refused.values()
    assert "other code in tinyvmaf.data.extract.job; the probe clip differs in adm2 by 1, " in why
    assert "; install this tinyvmaf there" in why
    assert not there.failures
    assert here.table is not None
    assert here.table.equals(there.table)


def test_a_cluster_gives_the_same_table_even_if_a_worker_is_killed(
    address: str, client: Any, corpus: Corpus, store: Store, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    here = extract(corpus, ExtractionRequest(), Store(tmp_path / "here"), ffmpeg, jobs=2)
    pids = list(client.run(os.getpid).values())
    killed: list[int] = []

    def kill_one(done: int, total: int, frames: int) -> None:
        del done, total, frames
        if not killed:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    with dask_cluster(address) as cluster:
        there = run(corpus, store, ffmpeg, cluster, on_clip=kill_one)
    assert killed
    assert not there.failures
    assert there.computed == CLIPS
    assert here.table is not None
    assert here.table.equals(there.table)


def test_a_result_that_is_lost_with_its_worker_is_computed_again(
    client: Any, corpus: Corpus, store: Store, ffmpeg: FFmpeg
) -> None:
    job = a_job(corpus, store, ffmpeg)
    address, pid = next(iter(client.run(os.getpid).items()))
    submitted: list[Any] = []

    class OneWorker:
        """The client, but the first job goes to the worker that ends, and its result is there before that."""

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def submit(self, *arguments: Any, workers: list[str], **named: Any) -> Any:
            if submitted:
                return client.submit(*arguments, workers=workers, **named)
            future = client.submit(*arguments, workers=[address], allow_other_workers=True, **named)
            submitted.append(future)
            deadline = time.monotonic() + PATIENCE_S
            while future.status != "finished":
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
            while future.status == "finished":
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return future

    cluster = Cluster(OneWorker(), client.scheduler.address, ffmpeg.path)
    there, here = cluster.measure(job).columns, measure(job).columns
    assert all((there[name] == here[name]).all() for name in here)
    assert len(submitted) == 1


@pytest.mark.fuzz
@pytest.mark.skipif(not THOROUGH, reason="takes two more processes: tox -e fuzz")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_scheduler_that_dies_or_hangs_ends_the_run_with_a_sentence(
    how: signal.Signals, corpus: Corpus, store: Store, ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinyvmaf.data.extract.dask._ANSWER_S", 3.0)
    monkeypatch.setattr("tinyvmaf.data.extract.dask._CLOSE_S", 0.5)
    file = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    scheduler = subprocess.Popen([*command, "--no-dashboard", "--scheduler-file", str(file)], stderr=subprocess.DEVNULL)
    worker: subprocess.Popen[bytes] | None = None
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not file.exists() or not file.read_text(encoding="utf-8").endswith("}"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        address = json.loads(file.read_text(encoding="utf-8"))["address"]
        worker = started(address, tmp_path)
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        ended: list[float] = []

        def end(done: int, total: int, frames: int) -> None:
            del done, total, frames
            if not ended:
                ended.append(time.monotonic())
                scheduler.send_signal(how)

        match = f"scheduler at {address} does not answer any more\n.*type the command again"
        with dask_cluster(address) as cluster, pytest.raises(ClusterError, match=match):
            run(corpus, store, ffmpeg, cluster, on_clip=end)
        assert time.monotonic() - ended[0] < 10
        assert len(clips_of(store)) >= 1
    finally:
        for process in (scheduler, worker):
            if process is not None:
                process.kill()
                process.wait()


def a_job(corpus: Corpus, store: Store, ffmpeg: FFmpeg) -> Job:
    jobs = []

    def keep(job: Job) -> MeasuredClip:
        jobs.append(job)
        return measure(job)

    extract(corpus, ExtractionRequest(), store, ffmpeg, jobs=1, run=keep, remote=True)
    return jobs[0]


def test_what_differs_is_said_with_what_to_type(corpus: Corpus, store: Store, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    job = a_job(corpus, store, ffmpeg)
    own = fingerprint(job)
    assert own.fault == ""
    assert {*own.probe} == {*measure(job).columns}
    assert own.digest == fingerprint(job).digest
    assert differences(own, fingerprint(job), job.root) == []

    def told(other: Fingerprint) -> str:
        assert other.digest != own.digest
        return "; ".join(": ".join(one) for one in differences(own, other, job.root))

    assert told(replace(own, packages=own.packages | {"numpy": "1.0"})).startswith("numpy 1.0, not ")
    assert told(replace(own, packages=own.packages | {"python": "3.9"})).startswith("Python 3.9, not ")
    assert told(replace(own, code=own.code | {"m": "x"})) == (
        "other code in m: install this tinyvmaf there, then restart the worker"
    )
    away = fingerprint(replace(job, root=tmp_path / "elsewhere"))
    assert told(away) == (f"does not see the data root {job.root}: mount the data root at the same path everywhere")
    assert "cannot measure the probe clip: no room" in told(replace(own, fault="no room", probe={}))
    assert "its rows" in told(replace(own, probe={**own.probe, "adm2": []}))
    assert "other columns: adm2" in told(replace(own, probe={n: c for n, c in own.probe.items() if n != "adm2"}))


def test_another_file_at_the_same_path_is_not_measured(corpus: Corpus, store: Store, ffmpeg: FFmpeg) -> None:
    job = a_job(corpus, store, ffmpeg)
    data = job.clip.path.read_bytes()
    job.clip.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(TinyvmafError, match=r"has another file there\n  hint: .*mount the same data root"):
        measure(job)


def test_an_unreachable_cluster_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyvmaf.data.extract.dask._CONNECT_TIMEOUT_S", 0.5)
    with pytest.raises(TinyvmafError, match="no Dask scheduler answers at"), dask_cluster("tcp://127.0.0.1:9"):
        pass


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(TinyvmafError, match="Dask is not installed") as caught, dask_cluster("tcp://127.0.0.1:9"):
        pass
    assert caught.value.hint == "in a checkout: pip install -c constraints.txt -e '.[dask]'"
