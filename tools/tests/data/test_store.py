"""The store keeps whole tables only, notices damage, hashes no unchanged file again, and allows several users."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from blake3 import blake3

from tinyvmaf.app.cli import main
from tinyvmaf.data.store import ENV, Store, default_folder, key_of
from tinyvmaf.files import file_blake3, file_sha256

TABLE = pa.table({"a": [1.0, 2.0]})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def old(path: Path, data: bytes) -> Path:
    """A file that was last changed 100 s ago."""
    path.write_bytes(data)
    then = time.time() - 100
    os.utime(path, (then, then))
    return path


def test_a_stored_table_is_returned_unchanged(store: Store) -> None:
    key = key_of({"x": 1})
    assert store.get(key) is None
    store.put(key, TABLE, {"clip": "c"})
    found = store.get(key)
    assert found is not None
    assert found.equals(TABLE)
    assert store.about(key) == {"clip": "c"}


def test_a_key_depends_on_every_field_and_not_on_their_order() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert len({key_of(f) for f in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": [1]})}) == 5


@pytest.mark.parametrize("spoil", ["cut", "flip", "empty", "header"])
def test_a_damaged_entry_is_noticed_and_removed(spoil: str, store: Store) -> None:
    key = key_of({})
    store.put(key, TABLE, {})
    (entry,) = store.entries()
    data = bytearray(entry.path.read_bytes())
    if spoil == "cut":
        data = data[:-1]
    elif spoil == "empty":
        data = bytearray()
    else:
        data[0 if spoil == "header" else 200] ^= 1
    entry.path.write_bytes(data)
    assert store.get(key) is None
    assert store.damaged == [key]
    assert not list(store.entries())
    store.put(key, TABLE, {})
    assert store.get(key) is not None


def test_a_digest_is_computed_once(store: Store, tmp_path: Path) -> None:
    path = old(tmp_path / "f", b"content")
    first = store.digest(path)

    def file_blake3(_: Path) -> str:
        pytest.fail("hashed again")

    assert store.digest(path, file_blake3) == first
    assert Store(store.folder).digest(path, file_blake3) == first
    assert store.digest(path, file_sha256) != first


@pytest.mark.parametrize("way", ["size", "mtime", "neither", "replaced"])
def test_a_changed_file_has_a_new_digest(way: str, store: Store, tmp_path: Path) -> None:
    path = old(tmp_path / "f", b"content")
    first = store.digest(path)
    if way == "size":
        old(path, b"content and more")
    elif way == "mtime":
        path.write_bytes(b"CONTENT")
    else:  # as by `cp -p` and `rsync -t`
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        if way == "replaced":
            path.unlink()
        path.write_bytes(b"CONTENT")
        os.utime(path, ns=times)
    assert store.digest(path) != first


def test_the_digest_of_a_file_just_written_is_not_kept(store: Store, tmp_path: Path) -> None:
    """It may change again within one tick of its modification time."""
    path = tmp_path / "f"
    path.write_bytes(b"one")
    status = path.stat()
    first = store.digest(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.digest(path) != first


def test_a_damaged_database_of_digests_is_computed_again(store: Store, tmp_path: Path) -> None:
    path = old(tmp_path / "f", b"content")
    first = store.digest(path)
    (store.folder / "digests.sqlite").write_bytes(b"not a database at all" * 100)
    assert Store(store.folder).digest(path) == first


def test_the_folder_comes_from_the_variables_or_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENV:
        monkeypatch.delenv(name, raising=False)
    assert "tinyvmaf" in str(default_folder())
    monkeypatch.setenv("VMAF_TINY_AI_CACHE", "/b")
    assert default_folder() == Path("/b")
    monkeypatch.setenv("TINYVMAF_CACHE", "/a")
    assert default_folder() == Path("/a")


HAMMER = """
import sys
from pathlib import Path
import pyarrow as pa
from tinyvmaf.data.store import Store, key_of
folder = Path(sys.argv[1])
store = Store(folder)
for i in range(20):
    key = key_of({"i": i})
    with store.lock(key):
        if store.get(key) is None:
            with (folder / "work.txt").open("a") as log:
                log.write(f"{i} ")
            store.put(key, pa.table({"i": [i]}), {})
"""


def test_parallel_processes_neither_corrupt_nor_duplicate_work(tmp_path: Path) -> None:
    workers = [subprocess.Popen([sys.executable, "-c", HAMMER, str(tmp_path)]) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert sorted(map(int, (tmp_path / "work.txt").read_text(encoding="utf-8").split())) == list(range(20))
    store = Store(tmp_path)
    assert [store.get(entry.key) is not None for entry in store.entries()] == [True] * 20


def test_commands(store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYVMAF_CACHE", str(store.folder))
    keys = [key_of({"n": n}) for n in range(3)]
    for key in keys:
        store.put(key, TABLE, {"clip": "c", "frames": 2, "libvmaf": "x", "teachers": {"t": "h"}})
    assert main(["store", "ls"]) == 0
    assert "3 entries" in capsys.readouterr().out
    entry = next(store.entries())
    entry.path.write_bytes(b"x")
    assert main(["store", "verify"]) == 1
    assert f"{entry.key}: damaged, removed" in capsys.readouterr().out
    assert main(["store", "verify"]) == 0
    assert "2 entries, 0 damaged" in capsys.readouterr().out
    journal = store.journal("ab")
    journal.parent.mkdir()
    journal.write_text("{}", encoding="utf-8")
    assert main(["store", "ls"]) == 0
    assert "3 entries" in capsys.readouterr().out
    assert main(["store", "verify"]) == 0
    assert "2 entries, 0 damaged" in capsys.readouterr().out
    assert main(["store", "prune", "--days", "1"]) == 0
    assert "0 entries removed" in capsys.readouterr().out
    assert main(["store", "prune", "--all", "--dry-run"]) == 0
    assert "3 entries would be removed" in capsys.readouterr().out
    assert main(["store", "ls", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["entry"] for one in listed] == [one.key for one in store.entries()]
    assert [one["teachers"] for one in listed] == [["t"], ["t"], []]
    assert main(["store", "prune", "--all"]) == 0
    assert "3 entries removed" in capsys.readouterr().out
    assert not list(store.entries())


@pytest.mark.parametrize("content", [b"", b"content"])
def test_digests_are_of_the_content(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()
    assert file_blake3(path) == blake3(content).hexdigest()
