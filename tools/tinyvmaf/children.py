"""Other programs that end when this process does, also if it is killed.

Every program is started with `process_group=children.group()`. The group belongs to a guard: a shell of a megabyte that
reads a pipe. Only this process holds the pipe's other end, so the system closes it when this process ends, in whatever
way, and the guard then kills its group. A program is in the group before it begins, so none is missed.

Programs in Python that need the terminal, and processes of `multiprocessing` and pytest, call `end_with_parent`
instead; `python` gives the command of such a program:

    python -m tinyvmaf.children PARENT MODULE [ARGUMENT...]
"""

import atexit
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from typing import Final

_SHELL: Final = "/bin/sh"
# A program that is being started as its parent dies joins the group a moment later: hence again and again. The shell
# ignores SIGALRM, which ends what it is sent to; SIGKILL ends the shell, too.
_SCRIPT: Final = """\
trap '' ALRM HUP INT QUIT TERM TSTP
read -r _
for _ in 1 2 3 4 5; do kill -ALRM 0; sleep 0.1 || sleep 1; done
kill -KILL 0
"""
_POLL_S: Final = 0.25
_PR_SET_PDEATHSIG: Final = 1


class _Guard:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.shell: subprocess.Popen[bytes] | None = None

    def group(self) -> int | None:
        with self.lock:
            if self.shell is not None and not _serves(self.shell):
                self._leave(self.shell)
            if self.shell is None:
                self.shell = _shell()
            return None if self.shell is None else self.shell.pid

    def end(self) -> None:
        with self.lock:
            if self.shell is not None:
                if self.shell.poll() is None:
                    os.killpg(self.shell.pid, signal.SIGKILL)
                    self.shell.wait()
                self._leave(self.shell)

    def forget(self) -> None:
        """In a fork: the guard is that of the parent, and the parent's end of the pipe must be the only one."""
        self.lock = threading.Lock()
        if self.shell is not None:
            self.shell.returncode = 0  # it is no child of the fork
            self._leave(self.shell)

    def _leave(self, shell: subprocess.Popen[bytes]) -> None:
        """Close the pipe: a guard that runs kills its group, unless another process has the pipe, too."""
        assert shell.stdin is not None
        shell.stdin.close()
        self.shell = None


def _shell() -> subprocess.Popen[bytes] | None:
    if not os.access(_SHELL, os.X_OK):  # not POSIX: no program is killed with this process
        return None
    return subprocess.Popen(
        [_SHELL, "-c", _SCRIPT, f"guard of {os.getpid()}"],
        cwd="/",
        env={"PATH": os.defpath},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )


def _serves(shell: subprocess.Popen[bytes]) -> bool:
    """Whether programs can join: it runs, and a group lies within a session."""
    return shell.poll() is None and os.getsid(shell.pid) == os.getsid(0)


_GUARD: Final = _Guard()


def group() -> int | None:
    """The process group of programs that end with this process, as `subprocess` takes it. Any thread may ask."""
    return _GUARD.group()


def end_all() -> None:
    """Kill every program of the group. So does a normal end of Python; this is for `os._exit`."""
    _GUARD.end()


atexit.register(_GUARD.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_GUARD.forget)


def end_with_parent(parent: int) -> None:
    """Have this process killed when its parent ends.

    On Linux the system does it, and means the thread that started this process, which therefore has to outlive it.
    Elsewhere a thread looks every quarter of a second.

    Args:
        parent: the parent's process id. If the parent has ended already, this process ends at once.
    """
    if not (sys.platform == "linux" and _killed_by_linux()):
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _killed_by_linux() -> bool:
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os._exit(1)


def python(module: str, *arguments: str) -> list[str]:
    """The command for `python -m module arguments` in a process that ends with this one, and gets its Ctrl-C."""
    return [sys.executable, "-P", "-m", __name__, str(os.getpid()), module, *arguments]


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
