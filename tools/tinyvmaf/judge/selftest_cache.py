"""Whether these very gates have been shown to catch what they are there for: a run of their own tests, remembered.

It takes most of a merge gate's time, and says the same as long as gates, package, fixtures and everything that is
installed are the same. Models are not among that: the tests are about the gates, whichever models those judge.
"""

import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

import tinyvmaf
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.files import file_sha256
from tinyvmaf.measure import environment

SUITE: Final = "selftest"
_CODE: Final = ("suites", "fixtures", "conftest.py", "gates.toml", "pyproject.toml", "tox.ini")
# A model that is registered anew brings its record along.
_OF_MODELS: Final = Path("fixtures", "golden", "records")


def key(checkout: Path, ffmpeg: str) -> str:
    """What a run of the gates' own tests depends on, in one hash: every file of the gates, every package, this machine.

    Args:
        ffmpeg: the one in use, in words, with its version.
    """
    told = _told(checkout, _CODE) | _told(
        Path(tinyvmaf.__file__).parent, ["."]
    )  # the package that runs, wherever it lies
    packages = sorted(f"{one.name}=={one.version}" for one in metadata.distributions())
    return key_of(
        {
            "kind": SUITE,
            "files": told,
            "packages": packages,
            "ffmpeg": ffmpeg,
            "python": platform.python_version(),
            "machine": environment.machine().id,
        }
    )


def _told(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Hashes of files, by their paths from a folder."""
    paths = [path for name in names for path in (folder / name, *(folder / name).rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): file_sha256(path)
        for path in paths
        if "__pycache__" not in path.parts and _OF_MODELS not in path.relative_to(folder).parents
    }


def when(store: Store, of: str) -> str | None:
    """When all of the gates' own tests passed that have this key, and how many; None if that is not known."""
    if (table := store.get(of)) is None:
        return None
    (row,) = table.to_pylist()
    return f"{row['tests']} on {row['at']}"


def remember(store: Store, of: str, tests: Iterable[dict[str, Any]]) -> bool:
    """Remember a whole run, if all of its tests passed or said what they could not check.

    Args:
        tests: as `record.SCHEMA` has them, of a run in which none was left out.

    Returns:
        Whether there was such a run.
    """
    states = [test["status"] for test in tests if test["suite"] == SUITE]
    if "pass" not in states or set(states) - {"pass", "not checked"}:
        return False
    store.put(of, pa.table({"tests": [len(states)], "at": [environment.now()]}), {"kind": SUITE, "tests": len(states)})
    return True
