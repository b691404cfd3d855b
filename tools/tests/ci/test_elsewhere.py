"""The hooks of pre-commit, the component of GitLab, and the container."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci import install
from ci.lock import ALL, ROOT, normal, pins

HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
HEAD, COMPONENT = yaml.safe_load_all((ROOT / "templates/gate.yml").read_text(encoding="utf-8"))
JOB = COMPONENT["tinyvmaf gate"]


def hook(name: str, *files: Path) -> subprocess.CompletedProcess[str]:
    """What pre-commit runs: the entry, and the files that changed."""
    (found,) = [one for one in HOOKS if one["id"] == name]
    program, *arguments = shlex.split(found["entry"])
    assert program == "tinyvmaf"
    assert found["language"] == "python"
    given = [str(file) for file in files if re.search(found["files"], file.as_posix())]
    assert given
    given = given if found.get("pass_filenames", True) else []
    command = [sys.executable, "-P", "-m", "tinyvmaf", *arguments, *given]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_hooks_pass_a_good_model_and_stop_another(tmp_path: Path) -> None:
    good, bad = ROOT / "model/tinyvmaf_nano.onnx", tmp_path / "bad.onnx"
    bad.write_bytes(b"not ONNX")
    assert {one["id"] for one in HOOKS} == {"tinyvmaf-contract", "tinyvmaf-certify", "tinyvmaf-hashes"}
    for name in ("tinyvmaf-contract", "tinyvmaf-certify"):
        done = hook(name, good, bad)
        assert done.returncode
        assert "bad.onnx" in done.stdout + done.stderr
        assert "nano" in done.stdout
    assert {one["id"]: one.get("pass_filenames", True) for one in HOOKS}["tinyvmaf-hashes"] is False


def test_the_component_judges_what_its_inputs_name(tmp_path: Path) -> None:
    """Its script, run by sh as GitLab does: the inputs are variables, never code. The program prints its arguments."""
    inputs = HEAD["spec"]["inputs"]
    values = {name: str(one["default"]) for name, one in inputs.items()}
    values |= {"model": "models/$(touch pwned) `x`.onnx", "waivers": "w.toml", "project": "sub folder"}
    (tmp_path / "sub folder").mkdir()
    shown = tmp_path / "python"
    shown.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\nexit 10\n', encoding="utf-8")
    shown.chmod(0o755)
    variables = {
        name: re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: values[found[1]], str(value)).replace(
            "$CI_PROJECT_DIR", str(tmp_path)
        )
        for name, value in JOB["variables"].items()
    }
    assert not [line for line in [*JOB["script"], *JOB["before_script"]] if "$[[" in line]
    script = "set -e\n" + "\n".join(JOB["script"]).replace("/tmp/tinyvmaf/bin/python", str(shown))
    environment = {"PATH": os.environ["PATH"], "CI_PROJECT_DIR": str(tmp_path), **variables}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (10, "")
    assert done.stdout.splitlines() == [
        *[str(tmp_path / "sub folder"), "-P", "-m", "tinyvmaf", "gate", "--report", str(tmp_path / "tinyvmaf-report")],
        *["--model", str(tmp_path / values["model"]), "--waivers", str(tmp_path / "w.toml")],
    ]
    assert not list(tmp_path.rglob("pwned"))
    assert JOB["artifacts"]["paths"] == ["tinyvmaf-report"]


@pytest.mark.parametrize("extras", [["gate", "engines"], ["gate", "corpus", "engines", "fit", "mcp"]])
def test_what_an_action_installs_is_locked(extras: list[str]) -> None:
    names = {normal(re.split(r"[>=<\[;~ ]", name)[0]) for name in install.wanted(extras)}
    assert names <= pins(ALL.read_text(encoding="utf-8")).keys()


def test_an_extra_that_is_none_is_named() -> None:
    command = [sys.executable, "-I", str(ROOT / "tools/ci/install.py"), "gate,gaet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "tinyvmaf has no extra 'gaet'\n")


def engine() -> str | None:
    """A container engine that answers."""
    for name in ("podman", "docker"):
        if (
            shutil.which(name)
            and not subprocess.run([name, "info"], capture_output=True, timeout=20, check=False).returncode
        ):
            return name
    return None


def test_the_container_is_pinned_and_runs_without_root() -> None:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    assert re.search(r"^FROM python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert text.index("USER judge") < text.index("ENTRYPOINT")


@pytest.mark.skipif("TINYVMAF_ELSEWHERE" not in os.environ, reason="TINYVMAF_ELSEWHERE is not set: tox -e elsewhere")
def test_the_container_scores_and_judges() -> None:
    if (name := engine()) is None:
        pytest.skip("no podman or docker answers here")
    subprocess.run([name, "build", "-t", "tinyvmaf-test", str(ROOT)], check=True, timeout=1800)
    run = [name, "run", "--rm", "--network", "none", "-v", f"{ROOT}/model:/work:ro", "tinyvmaf-test"]
    assert "n9" in subprocess.run([*run, "info"], capture_output=True, text=True, check=True, timeout=120).stdout
    done = subprocess.run(
        [*run, "verify", "tinyvmaf_nano.onnx"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
