"""A gate in a fork is the gate: nothing that it says or leaves tells it from one that was started for itself."""

import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.judge.plugin import NotChecked

from .conftest import Gate
from .forks import Forks


@pytest.mark.parametrize("options", [("-k", "test_models"), ("-k", "flat", "--nosuch")], ids=["passes", "usage"])
def test_a_fork_says_what_a_new_process_does(options: tuple[str, ...], gate: Gate) -> None:
    forked, fresh = gate("golden", *options), gate("golden", *options, READ_AT_START="so a new process it is")
    assert forked[0] == fresh[0]
    assert without_times(forked[1]) == without_times(fresh[1])


def without_times(text: str) -> str:
    return re.sub(r"=+ (.* in) [0-9.]+s =+", r"\1", text)


@pytest.fixture
def linux(forks: Forks | None, not_checked: NotChecked) -> None:
    if forks is None:
        not_checked("forks of one process: only on Linux are there any")


ALONE = """\
import atexit, os, sys, threading
from pathlib import Path
atexit.register(print, "at its end")
late = threading.Timer(0.1, print, ["from a thread"])
late.start()
threads = len(list(Path("/proc/self/task").iterdir()))
print(sys.argv[1:], sys.path[0], os.getcwd(), sorted(os.environ), sys.stdin.read(), threads, __name__, __file__)
print("tinyvmaf.judge.plugin" in sys.modules, "onnxruntime" in sys.modules, file=sys.stderr)
sys.exit(sys.argv[1] if sys.argv[1:] else 7)
"""


@pytest.mark.usefixtures("linux")
def test_a_fork_has_its_own_arguments_folder_variables_and_end(forks: Forks, tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text(ALONE, encoding="utf-8")
    for arguments, status in (((), 7), (("a word",), 1)):
        found, text = forks.run("alone", *arguments, cwd=tmp_path, environment={"ONE": "1"}, out=tmp_path / "out")
        assert found == status, text
        expected = [
            f"{list(arguments)} {tmp_path} {tmp_path} ['ONE']  2 __main__ {tmp_path / 'alone.py'}",
            "from a thread",
            "at its end",
            "False False",
            *arguments,
        ]
        assert text.splitlines() == expected


HANGS = """\
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]).pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.usefixtures("linux")
def test_nothing_of_a_fork_stays_however_it_ends(forks: Forks, tmp_path: Path) -> None:
    """Neither of one that ends before what it started, nor of one that hangs."""
    (tmp_path / "hangs.py").write_text(HANGS, encoding="utf-8")
    here: dict[str, Any] = {"cwd": tmp_path, "environment": {}, "out": tmp_path / "out"}
    status, text = forks.run("hangs", "0", **here)
    assert status == 0, text
    assert is_gone(int(text))
    with pytest.raises(subprocess.TimeoutExpired) as error:
        forks.run("hangs", "1000", limit=2, **here)
    assert is_gone(int(error.value.output))
    assert forks.run("hangs", "0", **here)[0] == 0, "the next one runs all the same"


def is_gone(process: int) -> bool:
    """Whether it dies at once; that nobody has asked for its status yet does not matter."""
    path = Path(f"/proc/{process}/stat")
    for _ in range(100):
        try:
            if path.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.usefixtures("linux")
def test_a_variable_that_a_library_sets_later_still_allows_a_fork(
    forks: Forks, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch sets one when it compiles; after that, each gate would otherwise start a new process."""
    monkeypatch.setattr(forks, "run", lambda *_, **__: (0, "forked"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/somewhere")
    assert gate("golden") == (0, "forked")
