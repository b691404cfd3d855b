"""What this package starts ends with it, however it ends; and all that it starts, it starts so."""

import ast
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from tinyvmaf import children
from tinyvmaf.files import home

PACKAGE = home() / "tools" / "tinyvmaf"
PARENT = """
import subprocess, sys, threading
from tinyvmaf import children

def start(*command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, process_group=children.group()).pid

pids = [start("sleep", "60")]
thread = threading.Thread(target=lambda: pids.append(start("sh", "-c", "sleep 60; true")))
thread.start()
thread.join()  # the thread that started it has ended, and it runs on
pids.append(subprocess.Popen(children.python("http.server", "0"), stdout=subprocess.DEVNULL).pid)
print(*pids, flush=True)
sys.stdin.read()
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups and kill -9 are POSIX")


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def all_end(pids: list[int], seconds: float = 2.0) -> bool:
    until = time.monotonic() + seconds
    while any(map(runs, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(runs, pids))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, None])
def test_programs_end_with_their_parent(number: signal.Signals | None) -> None:
    """Killed, ended by a signal, or at its end."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        guards = [one.pid for one in psutil.Process(parent.pid).children() if one.pid not in pids]
        assert (len(pids), len(guards)) == (3, 1)
        time.sleep(0.1)
        assert all(map(runs, pids))
        if number is not None:
            parent.send_signal(number)
    assert all_end([*pids, *guards])


def test_a_program_that_joins_the_group_after_the_end_ends_too() -> None:
    """As one that is between fork and exec when its parent is killed."""
    code = "import sys\nfrom tinyvmaf import children\nprint(children.group(), flush=True)\nsys.stdin.read()"
    for _ in range(5):  # a busy machine may be late
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
            assert parent.stdout is not None
            group = int(parent.stdout.readline())
            parent.kill()
        time.sleep(0.05)
        with suppress(PermissionError, ProcessLookupError):  # the group is gone
            late = subprocess.Popen(["sleep", "60"], process_group=group)
            break
    else:
        raise AssertionError("the guard does not wait for latecomers")
    assert late.wait(5) < 0
    assert all_end([group])


def test_a_guard_that_was_killed_is_replaced() -> None:
    group = children.group()
    assert group is not None
    assert children.group() == group
    os.kill(group, signal.SIGKILL)
    until = time.monotonic() + 5
    while runs(group) and time.monotonic() < until:
        time.sleep(0.01)
    other = children.group()
    assert other not in (None, group)
    assert subprocess.run(["true"], process_group=other, check=False).returncode == 0


FORK = """
import os, subprocess, sys
from tinyvmaf import children
group = children.group()
program = subprocess.Popen(["sleep", "60"], process_group=group)
if not (child := os.fork()):
    {fork}
    print(program.pid, flush=True)
    sys.stdin.read()
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("fork", ["pass", "assert children.group() != group; children.end_all()"])
def test_a_fork_has_a_guard_of_its_own_and_does_not_hold_its_parents(fork: str) -> None:
    code = FORK.format(fork=fork)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        program = int(parent.stdout.readline())
        assert runs(program)
        parent.kill()
        parent.wait(10)
        assert all_end([program])


STARTS = {"Popen", "run", "call", "check_call", "check_output", "create_subprocess_exec", "open_process"}
FORKS = {"fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "popen", "create_subprocess_shell", "run_process"}
WATCHED = {"judge/gate_run.py", "judge/suites_run.py", "app/mcp_server/gate.py"}
"""They start what `children.python` gives, which ends with its parent by itself."""
MAY_START = re.compile(r"subprocess|anyio|asyncio|multiprocessing|concurrent|distributed|\bos\b")
POOLS = {"data/imported/run.py", "judge/scoreboard/measure.py"}
"""Their processes of `multiprocessing` begin with `end_with_parent`."""
PROOF = "measure/proof/proving.py"
"""Has a watch of its own: test_proof_processes.py."""


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def bare_starts(text: str) -> list[str]:
    """What starts a program that would outlive this one; of modules without exception."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        of = ast.unparse(node.func)
        guarded = any(one.arg == "process_group" and "group()" in ast.unparse(one.value) for one in node.keywords)
        starts = (
            _called(node) in STARTS
            and of.split(".")[0] in ("subprocess", "anyio", "asyncio", "Popen", "check_call", "check_output")
            and of != "anyio.run"
        )
        forks = _called(node) in FORKS and of.split(".")[0] in ("os", "anyio", "asyncio")
        pools = _called(node) in ("ProcessPoolExecutor", "Process", "LocalCluster") and "psutil" not in of
        if forks or pools or (starts and not guarded):
            found.append(f"line {node.lineno}: {of}")
    return found


def bare_temporaries(text: str) -> set[str]:
    """What makes a temporary file or folder; to ask where they are is fine."""
    used = set(re.findall(r"\btempfile\.(\w+)", text)) | set(re.findall(r"from tempfile import (.*)", text))
    return used - {"gettempdir"}


def test_no_program_is_started_and_no_temporary_folder_made_elsewhere() -> None:
    paths = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert {*WATCHED, *POOLS, PROOF} < set(paths)
    for name, text in paths.items():
        if name not in ("scratch.py", "machine.py"):  # `machine` is below `scratch`, and asks a full folder
            assert not bare_temporaries(text), f"{name}: temporary folders are those of scratch.py"
        found = bare_starts(text) if MAY_START.search(text) else []
        if name in WATCHED:
            assert "children.python(" in text
        elif name in POOLS:
            assert "children.end_with_parent" in text
        elif name == PROOF:
            assert "_end_with_parent" in text
        else:
            assert name == "children.py" or not found, f"{name}: without process_group=children.group(): {found}"


def test_no_python_of_ours_looks_for_modules_in_the_users_folder() -> None:
    """Without -P, `python -m` imports a numpy.py that lies where the user is."""
    starts = [
        one
        for path in (home() / "tools/tinyvmaf").rglob("*.py")
        for one in re.findall(r"\[sys\.executable,[^\]]*", path.read_text(encoding="utf-8"))
    ]
    assert len(starts) >= 4
    assert [one for one in starts if not one.startswith('[sys.executable, "-P", ')] == []


def test_the_walk_sees_bare_starts() -> None:
    assert len(bare_starts("subprocess.run(['x'])\nsubprocess.Popen('x', process_group=0)\nos.fork()\nPopen('x')")) == 4
    assert bare_temporaries("with tempfile.TemporaryDirectory() as x")
    assert bare_temporaries("from tempfile import mkdtemp")
    assert not bare_temporaries("tempfile.gettempdir()")
    assert not bare_starts("subprocess.run(['x'], process_group=children.group())\nanyio.run(f)\nrun(ffmpeg, [])")
