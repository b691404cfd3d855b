"""The chart of a history: contents, formats, and errors."""

import io
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.environment import Machine, Versions
from tinyvmaf.measure.latency_history import ALL, Batch, ModelRun, Run, Series, draw, plot, select

MACHINE = Machine("0123456789ab", "AMD EPYC", 2, "Linux x86_64")
OTHER = Machine("ba9876543210", "Apple M2", 8, "Darwin arm64")


def runs_of(n: int, *, step: int | None = None, machines: Sequence[Machine] = (MACHINE,)) -> list[Run]:
    """Runs of two models; the second slows by 20 % at run `step`, and the first was not measured with batches of 16."""
    rng = np.random.default_rng(0)
    runs = []
    for i in range(n):
        slow = 1.2 if step is not None and i >= step else 1.0
        times = 1 + 0.01 * rng.normal(size=3)
        nano = {1: Batch(900.0, times[0], 0.1, None)}
        tiny = {1: Batch(900.0, 2 * slow * times[1], 0.1, None), 16: Batch(900.0, 3 * slow * times[2], 0.1, None)}
        models = {
            name: ModelRun("a" * 64, 1, 1, 1, 1.0, None, batches) for name, batches in (("nano", nano), ("tiny", tiny))
        }
        machine = machines[i % len(machines)]
        versions = Versions("0", "3", "1", "2")
        runs.append(Run("2026-11-21T13:00:00Z", f"{i:07x}" + "0" * 33, i == 0, machine, versions, models))
    return runs


def figure_of(runs: list[Run], selected: list[Series] | None = None) -> Figure:
    """The figure, laid out."""
    figure = plot._figure(runs, selected or select(runs))
    figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> list[str]:
    """The labels of changes in the panels, with their panel."""
    return [f"{axes.get_title(loc='left')}: {text.get_text()}" for axes in figure.axes for text in axes.texts]


def test_a_panel_for_each_model_and_batch_that_was_measured() -> None:
    figure = figure_of(runs_of(10))
    shown = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert shown == ["nano, batch 1", "tiny, batch 1", "tiny, batch 16"]
    assert len(figure.axes) == 4


def test_a_change_is_marked_with_its_factor_and_its_levels_are_drawn() -> None:
    figure = figure_of(runs_of(30, step=17))
    marks = texts(figure)
    assert [re.sub(r"\d+\.\d", "N", mark) for mark in marks] == ["tiny, batch 1: +N %", "tiny, batch 16: +N %"]
    assert all(abs(float(mark.split("+")[1].split()[0]) - 20) < 2 for mark in marks)
    panel = figure.axes[-1]
    lines = [(line.get_linestyle(), np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in panel.lines]
    assert [round(float(y[0]), 1) for style, x, y in lines if len(x) == 2 and style == "-"] == [3.0, 3.6]
    assert [list(x) for style, x, _ in lines if style == "--"] == [[16.5, 16.5]]


def test_axes_are_labelled_with_short_commits_and_the_ratio() -> None:
    figure = figure_of(runs_of(30))
    labels = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert labels[0] == "0000000+"
    assert labels[-1] == f"{29:07x}"
    assert len(labels) <= 8
    assert not any(label.get_text() for label in figure.axes[0].get_xticklabels())
    assert figure.get_supylabel() == "ratio of times, model / floor"
    assert figure.get_supxlabel().startswith("commit, the newest last\nmachine 0123456789ab: AMD EPYC, 2 cores, Linux")
    assert "an Identity graph" in figure.get_suptitle()


def test_nothing_is_written_over_anything_or_cut() -> None:
    """Changes as close together as possible, and at both ends."""
    runs = runs_of(40)
    for i, run in enumerate(runs):
        batch = Batch(1.0, [1.0, 1.3, 1.0, 1.4][(i >= 3) + (i >= 6) + (i >= 37)] * (1 + i % 2 / 100), 0.1, None)
        runs[i] = replace(run, models={"tiny": replace(run.models["tiny"], batches={1: batch, 16: batch})})
    figure = figure_of(runs)
    panel = figure.axes[0]
    boxes = [text.get_window_extent() for text in panel.texts]
    assert len(boxes) == 3
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert panel.bbox.x0 <= box.x0
        assert box.x1 <= panel.bbox.x1 + 1


def test_one_run_of_an_unknown_commit_is_a_picture() -> None:
    (run,) = runs_of(1)
    figure = figure_of([replace(run, commit=None)])
    assert [label.get_text() for label in figure.axes[-1].get_xticklabels()] == ["unknown"]
    low, high = figure.axes[-1].get_ylim()
    assert high - low > 0.05 * low, "a cliff of noise"


def test_machines_are_told_apart_and_judged_apart() -> None:
    runs = runs_of(40, step=20, machines=(MACHINE, OTHER))
    figure = figure_of(runs, select(runs, machine=ALL))
    assert len(texts(figure)) == 4
    dots = [line.get_color() for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert len(set(dots)) == 2
    note = figure.get_supxlabel()
    assert "machine 0123456789ab (blue): AMD EPYC" in note
    assert "machine ba9876543210 (orange): Apple M2" in note


def test_runs_of_other_machines_take_no_room() -> None:
    figure = figure_of(runs_of(20, machines=(OTHER, MACHINE)))
    assert figure.axes[0].get_xlim()[1] < 10


@pytest.mark.parametrize("name", ["latency.svg", "folder/latency.PNG"])
def test_the_suffix_decides_the_format(name: str, tmp_path: Path) -> None:
    runs = runs_of(10)
    draw(tmp_path / name, runs, select(runs))
    data = (tmp_path / name).read_bytes()
    if name.endswith(".svg"):
        assert data.startswith(b"<?xml")
        assert data.rstrip().endswith(b"</svg>")
    else:
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "PNG"
            assert min(image.size) > 300


def test_the_same_history_gives_the_same_file(tmp_path: Path) -> None:
    runs = runs_of(10)
    for name in ("a.svg", "b.svg"):
        draw(tmp_path / name, runs, select(runs))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("name", ["latency.gif", "latency", ".svg"])
def test_another_suffix_is_an_error_that_says_which_are_known(name: str, tmp_path: Path) -> None:
    runs = runs_of(1)
    with pytest.raises(TinyvmafError, match=re.escape("ends in .svg or .png")):
        draw(tmp_path / name, runs, select(runs))
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    runs = runs_of(1)
    with pytest.raises(TinyvmafError, match="drawing needs matplotlib") as raised:
        draw(tmp_path / "latency.svg", runs, select(runs))
    assert raised.value.hint == "in a checkout: pip install -c constraints.txt -e '.[plots]'"
    assert not list(tmp_path.iterdir())


def test_a_picture_that_cannot_be_written_is_an_error_and_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old", encoding="utf-8")
    runs = runs_of(1)
    with pytest.raises(TinyvmafError, match="cannot be written: ") as raised:
        draw(tmp_path / "file" / "latency.svg", runs, select(runs))
    assert raised.value.hint == "choose another file with --out"
    assert (tmp_path / "file").read_text(encoding="utf-8") == "old"
