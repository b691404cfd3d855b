"""A proof's claim, journal and sample: words may change, code may not, and nothing counts that was broken off."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from tinyvmaf.code_digest import words
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.proof import claim
from tinyvmaf.measure.proof.branching import Progress
from tinyvmaf.measure.proof.claim import Claim
from tinyvmaf.measure.proof.journal import add_to_journal, read_journal
from tinyvmaf.measure.proof.proving import PARTS, prove
from tinyvmaf.measure.proof.sampling import prove_sample
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, Teacher, load_built_in

MODEL = Path(__file__).parents[3] / "model"
CODE = '"""Words."""\n\ndef f(x: int) -> int:\n    """More words."""\n    return x + 1  # why\n'


@pytest.fixture(scope="module")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, DEFAULT)


def nano() -> bytes:
    return (MODEL / "tinyvmaf_nano.onnx").read_bytes()


def part_of(number: int) -> Progress:
    """A part that is done, of the 9,910 first boxes."""
    count = len(range(number, 9910, PARTS))
    return Progress(finished=True, settled=1.0, boxes_of=[1] * count, largest_of=[0.1] * count)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("More words.", "Other words.", True),
        ("  # why", "", True),
        ("    return", "\n    return", True),
        ("x + 1", "(x + 1)", True),
        ("x + 1", "x + 2", False),
        ("x + 1", "x - 1", False),
        ("x + 1", "x + 1.0", False),
        ("x: int", "x: int = 0", False),
        ("x + 1", "not x", False),
    ],
)
def test_the_method_is_the_code_without_its_words(old: str, new: str, same: bool) -> None:
    assert old in CODE
    before, after = (words(ast.parse(text)) for text in (CODE, CODE.replace(old, new)))
    assert (before == after) == same


def test_the_method_counts_every_module_that_bounds_a_box(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(claim, "code_digest", lambda names, _: read.extend(Path(name).stem for name in names))
    claim.method.__wrapped__(False, False)
    network = set(read)
    assert {"boxes", "branching", "curves", "gaussians", "layers", "network", "pieces"} <= network
    assert {"polynomials", "reading", "smooth", "sums", "svr", "teacher_domain"} <= network
    claim.method.__wrapped__(False, True)
    assert set(read) - network == {"fixed_point", "polynomial", "silence", "svr_exact"}
    read.clear()
    claim.method.__wrapped__(True, False)
    assert set(read) - network == {"silence", "slices", "transformed"}
    elsewhere = (*claim._ELSEWHERE, *claim._SLICES, *claim._FIXED_POINT)
    assert all((Path(claim.__file__).parents[2] / name).is_file() for name in elsewhere)


def test_only_the_exported_teacher_is_bounded_with_its_own_code(teacher: Teacher) -> None:
    methods = {
        name: Claim.of((MODEL / f"{name}.onnx").read_bytes(), teacher, 0.5, teacher.feature_names).method
        for name in ("tinyvmaf_nano", "tinyvmaf_exact", "vmaf_v0.6.1_svr")
    }
    assert methods == {
        "tinyvmaf_nano": claim.method(False, False),
        "tinyvmaf_exact": claim.method(False, False),
        "vmaf_v0.6.1_svr": claim.method(False, True),
    }
    assert len({claim.method(slices, fixed) for slices in (False, True) for fixed in (False, True)}) == 4


def test_another_model_bound_or_order_is_another_claim(teacher: Teacher) -> None:
    names = teacher.feature_names
    other = onnx.load_model_from_string(nano())
    other.doc_string = "other"
    claims = [
        Claim.of(nano(), teacher, 0.5, names),
        Claim.of(other.SerializeToString(), teacher, 0.5, names),
        Claim.of(nano(), teacher, 0.4, names),
        Claim.of(nano(), teacher, 0.5, names[::-1]),
    ]
    assert len({one.key for one in claims}) == len(claims)
    assert claims[0].key == Claim.of(nano(), teacher, 0.5, names).key


def test_a_part_that_was_broken_off_is_not_kept(teacher: Teacher, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    found = prove(nano(), teacher, 0.5, teacher.feature_names, journal=journal, seconds=0.01)
    assert (found.status, found.done) == ("open", 0)
    assert found.left == pytest.approx(1.0, abs=0.1)
    assert not journal.exists()


def test_all_parts_but_one_are_no_proof(teacher: Teacher, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    for number in range(PARTS - 1):
        add_to_journal(journal, number, part_of(number))
    with journal.open("a", encoding="utf-8") as file:
        file.write(f'\n{{"part": {PARTS - 1}, "boxes": 7, "fin')  # killed while it wrote
    assert set(read_journal(journal)) == set(range(PARTS - 1))
    found = prove(nano(), teacher, 0.5, teacher.feature_names, journal=journal, seconds=0.01)
    assert (found.status, found.done) == ("open", PARTS - 1)


def test_a_part_with_a_box_left_is_no_proof(teacher: Teacher, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    for number in range(PARTS):
        part = part_of(number)
        if number == 7:
            part = replace(part, finished=False, left=[([0.5] * 6, (90,) * 6)])
        add_to_journal(journal, number, part)
    found = prove(nano(), teacher, 0.5, teacher.feature_names, journal=journal)
    assert found.status == "open"
    assert found.row is not None
    lines = journal.read_text("utf-8").strip().splitlines()
    lines[7] = json.dumps(json.loads(lines[7]) | {"finished": True, "left": []})
    journal.write_text("\n".join(lines), encoding="utf-8")
    assert prove(nano(), teacher, 0.5, teacher.feature_names, journal=journal).status == "proven"


def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TinyvmafError, match="journal"):
        add_to_journal(tmp_path / "file/journal", 0, Progress())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sample_is_proven_again_and_a_lower_bound_is_not(teacher: Teacher, seed: int) -> None:
    names = teacher.feature_names
    good = prove_sample(nano(), teacher, 0.5, names, 20_000, seed, seconds=0.3)
    assert (good.fault, good.of) == ("", 9910)
    assert 1 <= good.proven <= good.boxes
    assert prove_sample(nano(), teacher, 0.05, names, 1_000, seed, seconds=5).fault


@pytest.mark.parametrize("seed", range(8))
def test_a_sample_begins_with_a_box_that_is_not_proven_at_once(teacher: Teacher, seed: int) -> None:
    found = prove_sample(nano(), teacher, 0.5, teacher.feature_names, 20_000, seed, most=1)
    assert (found.proven, found.fault) == (1, "")
    assert found.boxes > 1


def test_a_box_that_takes_far_more_than_recorded_is_a_fault(teacher: Teacher) -> None:
    found = prove_sample(nano(), teacher, 0.5, teacher.feature_names, 1, 1, seconds=5)
    assert "the record says 1 at most" in found.fault
