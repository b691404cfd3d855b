"""What the docs show is what happens: commands are run and their output compared."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tinyvmaf.files import home
from tinyvmaf.model.registry import subjects
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import motion_epoch

# Hidden folders hold environments and caches of tools. report/ and build/ are what a run and tox -e docs make.
PAGES = sorted(
    path
    for path in home().rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(home()).parts)
    and path.relative_to(home()).parts[0] not in ("build", "report")
)


def console_blocks() -> list[tuple[str, str]]:
    """Page and text of each block that shows a terminal."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += [(page.name, block) for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)]
    return found


def sessions(block: str) -> list[tuple[str, str]]:
    """Each command of a block and the output shown for it."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def test_there_is_something_to_test() -> None:
    assert console_blocks()
    assert home() / "README.md" in PAGES


@pytest.mark.parametrize(("page", "block"), console_blocks(), ids=lambda value: value if "\n" not in value else "")
def test_commands_print_what_is_shown(page: str, block: str, tmp_path: Path) -> None:
    """`...` stands for any text."""
    del page
    for command, shown in sessions(block):
        program, *arguments = shlex.split(command)
        assert program == "tinyvmaf"
        done = subprocess.run(
            [sys.executable, "-m", "tinyvmaf", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        pattern = re.escape(shown.rstrip()).replace(r"\.\.\.", ".*")
        assert re.fullmatch(pattern, done.stdout.rstrip(), re.DOTALL), done.stdout


def test_ci_runs_exactly_the_readmes_two_commands() -> None:
    readme = (home() / "README.md").read_text(encoding="utf-8")
    commands = [block.strip() for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)]
    assert len(commands) == 2
    lines = (home() / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for command in commands:
        assert command in lines


def test_the_readmes_models_are_the_registered_ones() -> None:
    readme = (home() / "README.md").read_text(encoding="utf-8")
    for entry in subjects():
        sidecar = entry.sidecar
        measured = sidecar.measured
        errors = [f"{measured['golden_frame_max_abs_error_points']:.3g}"]
        for name in ("loso_frame_max_abs_error_points", "loso_frame_rmse_points"):
            errors.insert(0, f"{measured[name]:.2g}" if name in measured else "")
        cells = " *\\| ".join([f"{sidecar.bytes:,}", "[^|]*", *map(re.escape, errors)])
        row = rf"\[{entry.id}\]\(model/{entry.id}\.md\) \| {cells} \|"
        proven = sidecar.proven_everywhere_points
        row += rf"[^|]*\| {'' if proven is None else f'{proven:g} '}\|$"
        assert re.search(row, readme, re.MULTILINE), row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def test_each_suite_has_an_environment_and_a_readme() -> None:
    tox = (home() / "tox.ini").read_text(encoding="utf-8")
    suites = [path for path in (home() / "suites").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert suites
    for suite in suites:
        assert f"[testenv:{suite.name}]" in tox
        assert (suite / "README.md").is_file()


def test_the_golden_gate_never_installs_torch() -> None:
    project = tomllib.loads((home() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["gate"]]
    assert not [name for name in required if name.startswith("torch")]


def test_what_is_to_be_installed_is_there_to_be_installed() -> None:
    """An extra is asked for by a name that it has, from a checkout or from a release."""
    project = tomllib.loads((home() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    files = [*PAGES, *(home() / "tools" / "tinyvmaf").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    named = re.findall(r"""\binstall\("(\w+)"\)|'\.\[([\w,]+)\]'|tinyvmaf\[([\w,]+)\]""", text)
    extras = {extra for found in named for extra in ",".join(found).split(",") if extra}
    assert {"fit", "dask", "corpus", "gate", "mcp", "plots"} <= extras <= set(project["optional-dependencies"])


def test_the_epochs_of_the_decision_record_are_measured(ffmpeg: FFmpeg, old_ffmpeg: FFmpeg) -> None:
    record = (home() / "docs/decisions/0004-epoch-by-measurement.md").read_text(encoding="utf-8")
    for build in (ffmpeg, old_ffmpeg):
        assert motion_epoch(build)[1] in record
