"""The page that scores feature rows: what its script reads, refuses and computes, in Node.js."""

import json
import random
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyvmaf.files import home
from tinyvmaf.measure.browser_page import browser_page
from tinyvmaf.measure.browser_page.page import model_data
from tinyvmaf.model import registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.pooling import pool
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

from ..app.test_cli import run
from ..node import run_node

PAGE = home() / "docs/score-rows.html"
ROWS = resources.files("tinyvmaf.measure.browser_page").joinpath("templates/rows.js").read_text(encoding="utf-8")
ROW = [0.93, 0.5, 0.8, 0.85, 0.9, 3.5]
HEADER = ",".join(CANONICAL)
LOGGED = [f"integer_{name}" for name in CANONICAL]


def in_node(script: str, given: Any) -> Any:
    """What a script gives as `answer` that may use the functions of the page."""
    return run_node(f"{ROWS}\n{script}", given)


@pytest.fixture(scope="module")
def nano(ffmpeg: FFmpeg) -> dict[str, Any]:
    """What the page knows of `tinyvmaf_nano`."""
    return model_data(registry.find("tinyvmaf_nano"), load_built_in(ffmpeg, "vmaf_v0.6.1"))


def test_the_committed_page_is_that_of_the_registered_models(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It is renewed by: tinyvmaf web --out docs/score-rows.html"""
    made = tmp_path / "page.html"
    status, out, _ = run(capsys, "web", "--out", str(made))
    assert status == 0
    assert f"{made}: tinyvmaf_nano" in out
    assert made.read_bytes() == PAGE.read_bytes(), "run: tinyvmaf web --out docs/score-rows.html"


def test_only_exact_students_are_in_a_page(ffmpeg: FFmpeg, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = run(capsys, "web", "--model", "vmaf_v0.6.1_svr", "--out", str(tmp_path / "page.html"))
    assert status == 1
    assert "vmaf_v0.6.1_svr: no WebAssembly is written for ReduceSumSquare" in err
    assert not (tmp_path / "page.html").exists()
    pair = registry.find("tinyvmaf_nano"), load_built_in(ffmpeg, "vmaf_v0.6.1")
    assert browser_page([pair]) == browser_page([pair])


def test_numbers_are_read_as_numpy_reads_them() -> None:
    """Text to double to float32, each to the nearest: also where text to float32 at once would round otherwise."""
    luck = random.Random(0)
    texts = [f"{luck.uniform(-1, 1) * 10 ** luck.randint(-50, 30):.{luck.randint(0, 20)}e}" for _ in range(2000)]
    # Halfway between two float32 but for digits that a double does not hold.
    texts += ["1.00000005960464477540", "1.000000178813934326171875", "0.1", "-0", "-0.0", "+5", ".5", "5.", "1e-46"]
    script = "const { singles } = valuesOf({ names: ['x'], rows: given.map(t => [t]) }, [0]);"
    found = in_node(f"{script} answer = [...new Uint32Array(singles.buffer)];", texts)
    expected = np.array([float(text) for text in texts]).astype(np.float32).view(np.uint32)
    assert found == expected.tolist()


@pytest.mark.parametrize("teacher_id", ["vmaf_v0.6.1", "vmaf_v0.6.1neg", "vmaf_v1.0.16_3d0h", "vmaf_float_v0.6.1"])
def test_the_domain_is_the_packages(teacher_id: str, ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, teacher_id)
    domain, rng = Domain(teacher.features), np.random.default_rng(0)
    low, high = domain.bounds()
    inside = domain.sample(1000, 0)
    rows = np.concatenate(
        [inside, inside + rng.normal(0, 0.2, inside.shape), rng.uniform(low - 1, high + 2, inside.shape)]
    )
    model = registry.find("tinyvmaf_nano")
    model.__dict__["sidecar"] = model.sidecar.model_copy(update={"feature_order": teacher.feature_names})
    given = {"domain": model_data(model, teacher)["domain"], "rows": rows.tolist()}
    found = in_node("answer = given.rows.map(row => excess(given.domain, row));", given)
    np.testing.assert_allclose(found, domain.excess(rows), rtol=0, atol=1e-12)
    assert (np.array(found) != 0).any(axis=0).all()


def csv(rows: Sequence[Sequence[float | str]], header: str = HEADER) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)])


def log(rows: list[list[float]]) -> str:
    frames = [{"frameNum": n, "metrics": dict(zip(LOGGED, row, strict=True))} for n, row in enumerate(rows)]
    return json.dumps({"version": "1", "frames": frames})


def test_every_form_of_the_same_rows_gives_the_same_scores(nano: dict[str, Any]) -> None:
    """In libvmaf's log `adm2` is a feature of floats: a column of that name is not taken."""
    rows = [ROW, [*ROW[:5], 0.0]]
    texts = [
        csv(rows),
        csv([[*row, 7] for row in rows], f"{HEADER},psnr").replace(",", ";"),
        "\ufeff" + csv(rows).replace("\n", "\r\n").replace(",", "\t") + "\n\n",
        csv([row[::-1] for row in rows], ",".join(CANONICAL[::-1])),
        csv(rows, ",".join(f'"{name}"' for name in CANONICAL)),
        csv([[n, *row, 0.1] for n, row in enumerate(rows)], f"Frame,{','.join(LOGGED)},adm2").replace("\n", ",\n")
        + ",",
        log(rows),
        json.dumps([dict(zip(CANONICAL, row, strict=True)) for row in rows]),
    ]
    script = """answer = given.texts.map(text => {
      const { scores, why } = scored(given.model, text);
      return [...scores, ...why];
    });"""
    found = in_node(script, {"model": nano, "texts": texts})
    expected = registry_scores(rows)
    assert found == [[*expected, "", ""]] * len(texts)


def registry_scores(rows: list[list[float]]) -> list[float]:
    scores: list[float] = OnnxRuntimeCpu(registry.find("tinyvmaf_nano").data).run(np.array(rows)).tolist()
    return scores


def test_a_row_outside_the_domain_says_why(nano: dict[str, Any]) -> None:
    rows = [ROW, [*ROW[:5], 33.5]]
    script = "const { scores, why } = scored(given.model, given.text); answer = { why, pooled: pooled(scores) };"
    found = in_node(script, {"model": nano, "text": csv(rows)})
    assert found["why"] == ["", "motion2 33.5 is 3.5 too high"]
    expected = pool(np.array(registry_scores(rows)))
    assert list(found["pooled"].values()) == pytest.approx(
        [expected[key] for key in ("mean", "harmonic_mean", "min", "max")]
    )


FAULTS = [
    ("  \n", "there are no rows"),
    (HEADER, "there are names, and no rows below them"),
    (csv([ROW], "a,b,c,d,e,f"), "no column adm2 or integer_adm2; there are a, b, c, d, e, f"),
    (csv([ROW, ROW])[len(HEADER) + 1 :], "line 1 has numbers and no names"),
    (csv([ROW, ["x", *ROW[1:]]]), 'row 2, column adm2: "x" is not a number'),
    (csv([ROW, ["", *ROW[1:]]]), "row 2, column adm2: there is no value"),
    (csv([ROW, ["nan", *ROW[1:]]]), 'row 2, column adm2: "nan" is not a number'),
    (csv([ROW, ["Infinity", *ROW[1:]]]), "is not a number"),
    (csv([ROW, ["0x10", *ROW[1:]]]), "is not a number"),
    (csv([ROW, ["1e39", *ROW[1:]]]), "row 2, column adm2: 1e39 is larger than a float32"),
    (csv([ROW, ROW[1:]]), "line 3 has 5 cells, and line 1 has 6 names"),
    (csv([[*ROW, 1]], f"{HEADER},adm2"), "two columns are called adm2"),
    (log([ROW]).replace("0.93", "null"), "row 1, column integer_adm2: null is not a number"),
    (log([ROW]).replace("integer_", ""), "no column integer_adm2; there are adm2"),
    ("{", "the JSON cannot be read"),
    ('{"a": 1}', "the JSON has no list `frames`"),
    ('{"pairs": [1, 2]}', "there are 2 pairs"),
    ("[1]", "row 1 is no object"),
]


def test_what_cannot_be_scored_is_said_with_row_and_column(nano: dict[str, Any]) -> None:
    script = """answer = given.texts.map(text => {
      try { scored(given.model, text); return "scored"; } catch (error) {
        return error instanceof Fault ? error.message : `no Fault: ${error.stack}`;
      }
    });"""
    found = in_node(script, {"model": nano, "texts": [text for text, _ in FAULTS]})
    for (_, expected), message in zip(FAULTS, found, strict=True):
        assert expected in message


def test_the_page_knows_every_teacher(ffmpeg: FFmpeg) -> None:
    """Each published teacher has a domain that the page can show."""
    model = registry.find("tinyvmaf_nano")
    for name in KNOWN:
        teacher = load_built_in(ffmpeg, name)
        model.__dict__["sidecar"] = model.sidecar.model_copy(update={"feature_order": teacher.feature_names})
        assert model_data(model, teacher)["domain"] is not None
