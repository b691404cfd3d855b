"""A gate that is started as people start it gives its verdict: the environment may lie in the checkout, as tox' do."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import tinyvmaf

from .forks import LIMIT_S, OTHERS


def test_the_pytest_of_an_environment_in_the_checkout_is_no_code_of_others(copy: Path) -> None:
    """`tox -e golden` runs `.tox/golden/bin/pytest`, which is a file of the checkout's folder."""
    (copy / "suites/conftest.py").unlink()
    folder = copy / ".tox/golden"
    venv.create(folder, symlinks=True, with_pip=False)
    packages = next(folder.glob("lib/*/site-packages"))
    places = [*sys.path, str(Path(tinyvmaf.__file__).parents[1]), sysconfig.get_path("purelib")]
    (packages / "these.pth").write_text("\n".join(filter(None, places)) + "\n", encoding="utf-8")
    command = folder / "bin/pytest"
    lines = (f"#!{folder}/bin/python", "import sys", "from pytest import console_main", "sys.exit(console_main())", "")
    command.write_text("\n".join(lines), encoding="utf-8")
    command.chmod(0o755)
    done = subprocess.run(
        [command, "suites/golden", "-p", "no:cacheprovider"],
        cwd=copy,
        env=OTHERS | {"TINYVMAF_CACHE": str(copy / "cache")},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert "code of others" not in done.stdout
    assert done.returncode == 0, done.stdout
    assert "VERDICT: PASS" in done.stdout
