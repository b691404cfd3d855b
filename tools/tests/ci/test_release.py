"""A release: the same bytes twice, one version everywhere, and jobs that may write run no code."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ci import release
from ci.lock import ROOT
from tinyvmaf import __version__

from . import workflows


@pytest.mark.slow
def test_the_same_commit_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two copies of the tree with other times and permissions."""
    names = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout
    digests = []
    for copy, mode, when in (("one", 0o644, 1_000_000_000), ("other", 0o600, 1_700_000_000)):
        for name in names.rstrip("\0").split("\0"):
            (file := tmp_path / copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, file)
            file.chmod(mode)
            os.utime(file, (when, when))
        made = release.build(tmp_path / copy, tmp_path / f"made-{copy}", 1_600_000_000)
        digests.append({path.name: release.digest(path) for path in made})
    assert digests[0] == digests[1]
    assert digests[0].keys() == {f"tinyvmaf-{__version__}.tar.gz", f"tinyvmaf-{__version__}-py3-none-any.whl"}


def test_other_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(tree: Path, out: Path, epoch: int, *targets: str) -> list[Path]:
        del tree, epoch, targets
        out.mkdir(parents=True)
        inner = tmp_path / "inner"
        inner.mkdir(exist_ok=True)
        (inner / "x").write_text(out.name, encoding="utf-8")
        subprocess.run(["tar", "-C", str(tmp_path), "-czf", str(out / "a.tar.gz"), "inner"], check=True)
        return [out / "a.tar.gz"]

    monkeypatch.setattr(release, "build", build)
    with pytest.raises(release.UnfitError, match=r"other bytes: a\.tar\.gz"):
        release.twice(tmp_path, 0, tmp_path)


def test_one_version_everywhere() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    component, _ = yaml.safe_load_all((ROOT / "templates/gate.yml").read_text(encoding="utf-8"))
    assert cff["version"] == __version__ == component["spec"]["inputs"]["version"]["default"]
    release.fits(__version__, changelog, f"v{__version__}")
    shown = (ROOT / "docs/merge-gate.md").read_text(encoding="utf-8")
    assert set(re.findall(r"@v?(\d+\.\d+\.\d+)|rev: v(\d+\.\d+\.\d+)", shown)) == {(__version__, ""), ("", __version__)}


@pytest.mark.parametrize(
    ("version", "tag", "sentence"),
    [
        ("9.9.9", "", "CHANGELOG.md begins with 1.2.3, not with 9.9.9"),
        ("1.2.3", "v1.2.4", "the tag is v1.2.4, not v1.2.3"),
        ("1.2.3", "1.2.3", "the tag is 1.2.3, not v1.2.3"),
    ],
)
def test_another_version_is_not_released(version: str, tag: str, sentence: str) -> None:
    with pytest.raises(release.UnfitError, match=re.escape(sentence)):
        release.fits(version, "# Changelog\n\n## 1.2.3\n\n- x\n", tag)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    command = [sys.executable, str(ROOT / "tools/ci/release.py"), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, f"no release: {tmp_path} is not empty\n")


def test_jobs_that_publish_run_no_code_of_the_repository() -> None:
    data = workflows.load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert data["permissions"] == {}
    writing = {name: job for name, job in data["jobs"].items() if workflows.writes(job["permissions"])}
    assert writing.keys() == {"pypi", "attach"}
    assert writing["pypi"]["permissions"] == {"id-token": "write"}
    assert writing["pypi"]["environment"] == "pypi"
    for job in writing.values():
        assert not [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        assert not [step for step in job["steps"] if re.search(r"python|bash|sh ", step.get("run", ""))]
    assert "password" not in json.dumps(data)
