"""Engines by entry point: ours without metadata, those of other packages beside them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.files import home
from tinyvmaf.model import engines
from tinyvmaf.model.engines.entry_points import GROUP, OURS

ENGINE = """\
from tinyvmaf.model.engines.onnx_reference import OnnxReference
ENGINE = OnnxReference(name="mine", family="mine")
CLASS = OnnxReference
OTHER_NAME = OnnxReference(name="yours")
NO_LEVEL = OnnxReference(name="mine", levels=("fast",))
NO_ENGINE = object()
class Raises(OnnxReference):
    def available(self): raise RuntimeError("no\\nlicence")
RAISES = Raises(name="mine")
class Exits(OnnxReference):
    def available(self): raise SystemExit(3)
EXITS = Exits(name="mine")
class Silent(OnnxReference):
    def available(self): return True
SILENT = Silent(name="mine")
"""


def install(folder: Path, package: str, module: str, **points: str) -> None:
    """Lay down an installed package: one module, and metadata with entry points."""
    (folder / f"{package}.py").write_text(module, encoding="utf-8")
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"[{GROUP}]", *(f"{name.replace('_', '-')} = {value}" for name, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


def ask(folder: Path, code: str) -> Any:
    """What Python code about `engines` gives as JSON, in a process that sees the packages of a folder."""
    path = os.pathsep.join([str(folder), str(home() / "tools")])
    done = subprocess.run(
        [sys.executable, "-c", f"import json; from tinyvmaf.model import engines; print(json.dumps({code}))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    return json.loads(done.stdout)


def lines(folder: Path) -> list[str]:
    return list(ask(folder, "[str(row) for row in engines.table()]"))


@pytest.mark.parametrize("name", OURS)
def test_our_engine_has_the_name_of_its_entry_point(name: str) -> None:
    assert engines.find(name).name == name


def test_a_package_adds_an_engine(tmp_path: Path) -> None:
    install(tmp_path, "theirs", ENGINE, mine="theirs:ENGINE")
    listed = lines(tmp_path)
    assert listed[0].startswith("onnxruntime-cpu ")
    assert [line.split()[0] for line in listed[: len(OURS)]] == list(OURS)
    assert listed[-1].startswith("mine ")
    assert "not here" not in listed[-1]
    assert ask(tmp_path, "[engines.find('mine').family, type(engines.find('mine')).__name__]") == [
        "mine",
        "OnnxReference",
    ]


def test_engines_of_other_packages_come_last_by_name(tmp_path: Path) -> None:
    install(tmp_path, "one", ENGINE.replace('"mine"', '"z"'), z="one:ENGINE")
    install(tmp_path, "two", ENGINE.replace('"mine"', '"a"'), a="two:ENGINE")
    assert [line.split()[0] for line in lines(tmp_path)[-2:]] == ["a", "z"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("theirs:MISSING", "theirs:MISSING cannot be imported: AttributeError"),
        ("nowhere:ENGINE", "nowhere:ENGINE cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("not an entry point", "not an entry point cannot be imported: "),
        ("theirs:CLASS", "theirs:CLASS is a class: name an instance of it"),
        ("theirs:NO_ENGINE", "theirs:NO_ENGINE lacks name, family, arithmetic, levels, threaded, available, load of"),
        ("theirs:OTHER_NAME", "has the name 'yours', its entry point 'mine': make them equal"),
        ("theirs:NO_LEVEL", "has the levels ('fast',): one or more of none, basic, extended, all"),
        ("theirs:RAISES", "theirs:RAISES fails: RuntimeError: no licence"),
        ("theirs:EXITS", "theirs:EXITS fails: SystemExit: 3"),
        ("theirs:SILENT", "theirs:SILENT gives bool as its availability"),
    ],
)
def test_an_entry_point_without_a_usable_engine_is_listed_with_the_reason(
    value: str, reason: str, tmp_path: Path
) -> None:
    install(tmp_path, "theirs", ENGINE, mine=value)
    install(tmp_path, "sound", ENGINE.replace('"mine"', '"sound"'), sound="sound:ENGINE")
    listed = lines(tmp_path)
    assert len(listed) >= len(OURS) + 2
    assert listed[-2].startswith("mine -: not here: ")
    assert reason in listed[-2]
    assert listed[-1].startswith("sound ")
    assert "not here" not in listed[-1]


def test_a_module_that_exits_breaks_no_other_engine(tmp_path: Path) -> None:
    install(tmp_path, "theirs", "raise SystemExit(3)", mine="theirs:ENGINE")
    assert lines(tmp_path)[-1] == "mine -: not here: theirs:ENGINE cannot be imported: SystemExit: 3"


def test_an_engine_with_a_name_of_ours_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "theirs", ENGINE, onnxruntime_cpu="theirs:ENGINE")
    assert lines(tmp_path)[-1] == (
        "onnxruntime-cpu (theirs:ENGINE) -: not here: "
        "theirs:ENGINE takes the name of an engine of tinyvmaf: rename its entry point"
    )
    assert ask(tmp_path, "type(engines.find('onnxruntime-cpu')).__name__") == "OnnxRuntimeCpuEngine"


def test_two_packages_with_one_name_are_both_refused(tmp_path: Path) -> None:
    install(tmp_path, "one", ENGINE, mine="one:ENGINE")
    install(tmp_path, "two", ENGINE, mine="two:ENGINE")
    assert lines(tmp_path)[-1] == "mine -: not here: one:ENGINE and two:ENGINE have the same name: uninstall one"


def test_a_broken_engine_loads_no_model(tmp_path: Path) -> None:
    install(tmp_path, "theirs", ENGINE, mine="nowhere:ENGINE")
    code = "str(__import__('pytest').raises(engines.EngineError, engines.find('mine').load, b'').value)"
    assert ask(tmp_path, code).startswith("mine is not available: nowhere:ENGINE cannot be imported")
