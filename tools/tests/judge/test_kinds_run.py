"""A package of somebody else adds a kind, and a run of the gates asks of a model of that kind what the kind says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.files import home, sha256
from tinyvmaf.judge.verdict import COULD_NOT_RUN, EXIT, PASS

from .kind_package import install

MODEL = "tinyvmaf_nano"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what two gates read, with one registered model, of the kind of another package."""
    folder = tmp_path / "checkout"
    for name in ("suites/backends", "suites/contract", "suites/loso", "fixtures/corpus", "model"):
        shutil.copytree(home() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "gates.toml", "pyproject.toml"):
        shutil.copy(home() / name, folder)
    sidecar, registry = folder / f"model/{MODEL}.json", folder / "model/registry.json"
    text = sidecar.read_text(encoding="utf-8").replace('"kind": "regressor"', '"kind": "pictures"')
    sidecar.write_text(text, encoding="utf-8")
    content = json.loads(registry.read_text(encoding="utf-8"))
    models = [one | {"sidecar_sha256": sha256(text.encode())} for one in content["models"] if one["id"] == MODEL]
    registry.write_text(json.dumps(content | {"models": models}), encoding="utf-8")
    return folder


def run(checkout: Path, site: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, verdict.json and the output of both gates."""
    variables = {"PYTHONPATH": str(site), "TINYVMAF_HOME": str(checkout), "TINYVMAF_CACHE": str(checkout / "cache")}
    variables["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed here, and their imports are slow
    command = [
        sys.executable,
        "-m",
        "pytest",
        "suites/contract",
        "suites/loso",
        "-q",
        "-p",
        "no:cacheprovider",
        "--allow=plugins,selection",  # the package of somebody else is on PYTHONPATH
        *options,
    ]
    done = subprocess.run(
        command, cwd=checkout, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=False
    )
    verdict = json.loads((checkout / "report" / "verdict.json").read_text(encoding="utf-8"))
    return done.returncode, verdict, done.stdout + done.stderr


def test_a_model_of_another_packages_kind_is_asked_what_the_kind_says(checkout: Path, tmp_path: Path) -> None:
    site = install(tmp_path / "site", ("contract.the_*", "!contract.the_batch*", "!contract.the_adopted*"))
    status, verdict, text = run(checkout, site)
    ran = {one["test"].split("::")[-1] for one in verdict["tests"] if one["model"] == MODEL}
    assert ran == {
        f"test_the_file_keeps_the_contract[{MODEL}]",
        f"test_the_sidecar_names_the_size_tier_of_the_file[{MODEL}]",
        f"test_the_sidecar_names_features_of_its_teacher[{MODEL}]",
        f"test_the_sidecar_names_the_engines_of_the_file[{MODEL}]",
    }
    (model,) = verdict["models"]
    assert (model["kind"], model["asked"], model["verdict"]) == ("pictures", ["contract"], PASS)
    not_asked = f"{MODEL}: a model of kind pictures is not asked golden, backends, loso, external, latency"
    assert not_asked in verdict["environment"]["header"]
    # Nothing here is for loso to judge, and a gate over nothing does not pass.
    assert "no model here is of a kind that loso judges" in text
    assert (status, verdict["verdict"]) == (EXIT[COULD_NOT_RUN], COULD_NOT_RUN)


@pytest.fixture
def files(checkout: Path, tmp_path: Path) -> list[str]:
    """Options that name two files, one of them of the kind of another package."""
    files = [tmp_path / name / f"{name}.onnx" for name in ("theirs", "ours")]
    for file, kind in zip(files, ("pictures", "regressor"), strict=True):
        file.parent.mkdir()
        shutil.copy(checkout / f"model/{MODEL}.onnx", file)
        sidecar = json.loads((checkout / f"model/{MODEL}.json").read_text(encoding="utf-8"))
        file.with_suffix(".json").write_text(json.dumps(sidecar | {"id": file.stem, "kind": kind}), encoding="utf-8")
        file.with_suffix(".md").touch()
    return [f"--model={file}" for file in files]


def test_what_a_kind_does_not_ask_of_a_file_is_not_checked(checkout: Path, files: list[str], tmp_path: Path) -> None:
    site = install(tmp_path / "site", ("golden.*", "!contract.*", "!contract.the_batch_is_symbolic_in_truth"))
    _, verdict, text = run(checkout, site, *files, "-k", "theirs")
    theirs = [one for one in verdict["tests"] if one["model"] == "theirs"]
    judged = {one["test"].partition("::test_")[2] for one in theirs if one["status"] == "pass"}
    assert {"any_finite_input_gives_a_finite_score_in_range[theirs]", "the_file_keeps_the_contract[theirs]"} <= judged
    not_checked = {one["text"] for one in verdict["not_checked"] if one["model"] == "theirs"}
    assert {
        "theirs: contract.the_batch_is_symbolic_in_truth, which its kind, pictures, does not ask",
        "theirs: loso, which its kind, pictures, does not ask",
    } <= not_checked, text
    assert not any("a_teacher_is_that_teacher" in one["test"] and one["status"] == "not checked" for one in theirs)
    assert not verdict["could_not_run"], text


def test_an_engine_that_only_tests_that_are_skipped_run_on_did_not_run(
    checkout: Path, files: list[str], tmp_path: Path
) -> None:
    site = install(tmp_path / "site", ("golden.*",))
    options = ("suites/backends", "--require-engine=numpy", "-k", "theirs and (backends or keeps_the_contract)")
    status, _, text = run(checkout, site, *files, *options)
    assert "engine numpy is required, and no test that was chosen runs on it" in text
    assert status == EXIT[COULD_NOT_RUN], text


@pytest.mark.parametrize(
    ("asked", "name", "code", "reason"),
    [
        ((), "pictures", "", "its kind, pictures, asks no suite of it"),
        (
            ("*",),
            "others",
            "",
            "kind 'pictures' is not known; known: filter, interval, no_reference, regressor, teacher, others",
        ),
        (("*",), "pictures", "raise SystemExit(0)", "entry point 'pictures' of group tinyvmaf.kinds does not load"),
    ],
    ids=["asks nothing", "unknown", "exits"],
)
def test_a_kind_that_says_nothing_could_not_run(
    asked: tuple[str, ...], name: str, code: str, reason: str, checkout: Path, tmp_path: Path
) -> None:
    status, verdict, text = run(checkout, install(tmp_path / "site", asked, name=name, code=code))
    assert reason in text
    assert [(model["verdict"], model["kind"]) for model in verdict["models"]] == [(COULD_NOT_RUN, None)]
    assert status == EXIT[COULD_NOT_RUN]
