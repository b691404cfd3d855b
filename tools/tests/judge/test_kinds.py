"""Kinds: what is asked of a model follows from its kind, also from a kind that somebody else's package brings."""

import ast
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import home
from tinyvmaf.judge import kinds, subjects
from tinyvmaf.judge.kinds import OWN, SUITES
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from .kind_package import CODE, install

THE_TEACHER = "contract.a_teacher_is_that_teacher"


def subject(kind: str, *, registered: bool = True) -> Subject:
    """A registered model under another kind."""
    nano = registry.find("tinyvmaf_nano")
    found = replace(nano, registered=registered)
    found.__dict__["sidecar"] = nano.sidecar.model_copy(update={"kind": kind})
    return found


Put = Callable[..., None]


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    def put(*asked: str, **more: str) -> None:
        monkeypatch.syspath_prepend(install(tmp_path / "site", asked, **more))
        monkeypatch.delitem(sys.modules, "their_package", raising=False)

    return put


def test_a_regressor_is_asked_all_but_whether_it_is_the_teacher() -> None:
    assert kinds.suites_of(subject("regressor")) == list(SUITES)
    assert kinds.asked(subject("regressor"), "loso.promises_are_kept")
    assert not kinds.asked(subject("regressor"), THE_TEACHER)


def test_a_teacher_is_excused_from_loso_only_if_it_is_registered() -> None:
    assert kinds.suites_of(subject("teacher")) == [suite for suite in SUITES if suite != "loso"]
    assert kinds.asked(subject("teacher"), THE_TEACHER)
    assert kinds.suites_of(subject("teacher", registered=False)) == list(SUITES)
    assert kinds.asked(subject("teacher", registered=False), "loso.promises_are_kept")


def test_a_kind_of_another_package_is_known_and_asked_what_it_says(theirs: Put) -> None:
    theirs("contract.*", "golden.*", "!golden.golden_scores", "!contract.*")
    assert kinds.find("pictures").summary == "a model of somebody else"
    assert kinds.suites_of(subject("pictures")) == ["golden"]
    assert kinds.asked(subject("pictures"), "golden.frame_0_has_no_motion")
    assert not kinds.asked(subject("pictures"), "golden.golden_scores")
    assert not kinds.asked(subject("pictures"), "contract.any_finite_input")


@pytest.mark.parametrize(
    "asked", [("golden.*",), ("*", "!contract.*"), ("*", "!con*.*"), ("golden.*", "!contract.any_finite_[i]nput")]
)
def test_all_of_contract_is_asked_of_a_file_that_is_not_registered(theirs: Put, asked: tuple[str, ...]) -> None:
    theirs(*asked, "!contract.the_size")
    stranger = subject("pictures", registered=False)
    assert kinds.suites_of(stranger)[:2] == ["contract", "golden"]
    assert kinds.asked(stranger, "contract.any_finite_input")
    assert not kinds.asked(stranger, "contract.the_size")
    assert not kinds.asked(subject("regressor", registered=False), THE_TEACHER)


@pytest.mark.parametrize("asked", [(), ("nonsense.*",), ("*", "!*"), ("contract.*", "!contract.*")])
def test_a_kind_that_asks_nothing_is_a_fault(theirs: Put, asked: tuple[str, ...]) -> None:
    theirs(*asked)
    with pytest.raises(CouldNotRunError, match="its kind, pictures, asks no suite of it"):
        kinds.kind_of(subject("pictures"))
    found = subjects.of_known_kind(subject("pictures"))
    assert found.fault is not None
    assert kinds.suites_of(found) == [*SUITES, *OWN]  # so that each says that it could not run
    with pytest.raises(CouldNotRunError, match="asks no suite of it"):
        _ = found.file


def test_an_unknown_kind_is_a_fault_that_names_the_known_ones(theirs: Put) -> None:
    theirs("*")
    found = subjects.of_known_kind(subject("picture"))
    assert found.fault is not None
    known = "filter, interval, no_reference, regressor, teacher, pictures"
    assert found.fault.message == f"kind 'picture' is not known; known: {known}"
    assert kinds.asked(found, "golden.golden_scores")


def test_a_package_that_does_not_load_or_takes_a_name_is_named(theirs: Put) -> None:
    theirs("*", target="NOTHING")
    with pytest.raises(CouldNotRunError, match=r"their-package: entry point 'pictures' .* does not load"):
        kinds.kinds()


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import sys\nsys.exit(0)\n", r"does not load: SystemExit\(0\)"),
        (
            "PICTURES = 7\n",
            "the kind has no name, summary, takes, gives, card, asked, asked_of_strangers, raced_against, file_faults, "
            "truth",
        ),
        (CODE.format(asked=("*",), name="picture"), "the kind calls itself 'picture'"),
        (CODE.format(asked="contract.*", name="pictures"), r"asked of the kind is 'contract\.\*'; it must be a tuple"),
        (
            CODE.format(asked=("*",), name="pictures") + "PICTURES = replace(PICTURES, card='text')\n",
            "card of the kind is 'text'; it must be a CardSummary",
        ),
        (
            CODE.format(asked=("*",), name="pictures") + "PICTURES = replace(PICTURES, raced_against=('wind',))\n",
            "raced_against of the kind has 'wind'; known: floor, teacher, baseline, libvmaf",
        ),
        (CODE.format(asked=(7,), name="pictures"), r"asked of the kind is \(7,\); it must be a tuple"),
    ],
)
def test_what_is_not_a_kind_could_not_run(code: str, fault: str, theirs: Put) -> None:
    theirs("*", code=code)
    with pytest.raises(CouldNotRunError, match=f"^their-package: entry point 'pictures' of .*{fault}"):
        kinds.kinds()


def test_a_name_is_one_kind(theirs: Put) -> None:
    theirs("*", name="teacher")
    with pytest.raises(CouldNotRunError, match="their-package and tinyvmaf both bring 'teacher'"):
        kinds.kinds()


def test_inputs_are_named_arrays_and_truth_is_that_of_the_teacher(ffmpeg: FFmpeg) -> None:
    from tinyvmaf.data import dataset
    from tinyvmaf.vmaf.teacher import load_built_in

    material = kinds.Material(
        dataset.read(home() / "fixtures" / "corpus" / "features.parquet"), lambda name: load_built_in(ffmpeg, name)
    )
    one = subject("regressor")
    kind = kinds.kind_of(one)
    arrays, truth = kind.latency_inputs(one, material), kind.truth(one, material)
    assert truth is not None
    assert {name: rows.shape[1] for name, rows in arrays.items()} == {"features": 6}
    assert truth(arrays).shape == (len(arrays["features"]),)


OF_KINDS = {"regressor", "teacher", "svr", "student"}


def _words(path: Path) -> set[str]:
    """Comparisons of the kind of a model in a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Match) and _of_a_kind(node.subject):
            found.add(f"{node.lineno}: match {ast.unparse(node.subject)}")
        if not isinstance(node, ast.Compare):
            continue
        leaves = [leaf for part in (node.left, *node.comparators) for leaf in ast.walk(part)]
        words = {leaf.value for leaf in leaves if isinstance(leaf, ast.Constant)} & OF_KINDS
        if any(map(_of_a_kind, leaves)) or (words and "kind" in ast.unparse(node)) or words - {"teacher", "svr"}:
            found.add(f"{node.lineno}: {ast.unparse(node)}")
    return found


def _of_a_kind(leaf: ast.AST) -> bool:
    return isinstance(leaf, ast.Attribute) and leaf.attr == "kind" and _is_a_model(leaf.value)


def _is_a_model(value: ast.expr) -> bool:
    return ast.unparse(value).rpartition(".")[2].removesuffix("()") in {"subject", "sidecar", "entry", "model"}


def test_nothing_outside_of_kinds_compares_the_name_of_a_kind() -> None:
    own = home() / "tools" / "tinyvmaf" / "judge" / "kinds"
    files = [*(home() / "tools" / "tinyvmaf").rglob("*.py"), *(home() / "suites").rglob("*.py"), home() / "conftest.py"]
    found = {str(path.relative_to(home())): _words(path) for path in files if own not in path.parents}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_rule_would_be_seen_to_be_broken(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("if subject.kind == other or name == 1:\n    pass\n", encoding="utf-8")
    assert len(_words(path)) == 1
    path.write_text('if kind in ("teacher", "x") or name == "regressor":\n    pass\n', encoding="utf-8")
    assert len(_words(path)) == 2


def test_replacing_a_subject_keeps_what_it_is() -> None:
    one = subject("teacher")
    assert replace(one, registered=False).kind == "regressor"  # what was read is read again, from the file
