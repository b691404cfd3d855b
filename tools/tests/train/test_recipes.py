"""A recipe is complete, or refused with file and place; the same content is the same recipe."""

import re
import tomllib
from pathlib import Path

import pytest

from tinyvmaf.files import home, sha256
from tinyvmaf.train.recipes import (
    PROMISES,
    Mos,
    Optimiser,
    RecipeError,
    Validation,
    find_recipe,
    read_recipe,
    recipe_ids,
)
from tinyvmaf.train.students import ARCHITECTURES, Grid
from tinyvmaf.vmaf.teacher import KNOWN

GOOD = """\
summary = "a recipe for these tests"
teacher = "vmaf_v0.6.1"
method = "B1"
architecture = "mlp_small"
seeds = [0, 1]

[optimiser]
name = "adam"
steps = 100
batch = 32
learning_rate = 0.01
"""
ADAM = GOOD[GOOD.index("[optimiser]") :]
LM = '[optimiser]\nname = "levenberg_marquardt"\nsteps = 10\nbatch = 100\n'
SQUARES = '[optimiser]\nname = "least_squares"\nsteps = 10\n'
DOMAIN = "[domain]\nsamples = 100\n"
MOS = "[mos]\nscale = [0, 100]\n"
MOS_B1 = MOS + 'start = "B1"\n'
GRID = "[grid]\ninput_bits = 13\nlevel_bits = 12\nvalue_bits = 11\n"
B1F_QUADRATIC = 'method = "B1f"\narchitecture = "quadratic_32"'
POOLED = 'architecture = "teacher_line"\nmethod = "B2"\nper = "clip"'
STOP = "[validation]\nevery = 10\npatience = 2\n"


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(top: str, tables: str = ADAM) -> str:
    """The valid recipe with changed or added top-level entries and other tables."""
    text = GOOD[: GOOD.index("[optimiser]")]
    for line in top.splitlines():
        name = line.split(" = ")[0]
        text = re.sub(rf"^{name} = .*\n", "", text, flags=re.MULTILINE) + line + "\n"
    return text + tables


# Those that come along.


@pytest.mark.parametrize("name", recipe_ids())
def test_every_recipe_that_comes_along_can_be_read(name: str) -> None:
    path = home() / "model" / "recipes" / f"{name}.toml"
    recipe = read_recipe(name)
    assert recipe.id == name
    assert recipe.sha256 == sha256(path.read_bytes())
    assert recipe.teacher in KNOWN
    assert recipe == read_recipe(path)


def test_every_architecture_but_the_spare_one_has_a_recipe() -> None:
    recipes = [read_recipe(name) for name in recipe_ids()]
    used = {one.architecture.name for one in recipes}
    used |= {part.architecture for one in recipes if one.interval for _, part in one.interval}
    assert set(ARCHITECTURES) - used == {"gelu_32"}


def test_every_recipe_that_makes_promises_promises_a_known_thing() -> None:
    promising = [recipe for recipe in map(read_recipe, recipe_ids()) if recipe.promises]
    ours = [name for name in recipe_ids() if name.startswith("tinyvmaf_")]
    assert {"tinyvmaf_exact", "tinyvmaf_nano", "tinyvmaf_tiny"} <= set(ours)
    assert sorted(recipe.id for recipe in promising) == sorted(["nano_tanh", "tiny_tanh", *ours])
    of_interval = {"stddev_rmse", "interval_rmse"}
    for one in promising:
        assert set(one.promises or {}) == set(PROMISES) - (set() if one.interval else of_interval), one.id


@pytest.mark.parametrize(
    ("name", "architecture", "grid", "decay"),
    [
        ("tinyvmaf_nano", "quadratic_1x64", Grid(14, 12, 11, 24), (3e-9, 3e-7)),
        ("tinyvmaf_exact", "quadratic_32", Grid(14, 12, 11, 24), (0, 4e-9, 1e-6)),
        ("tinyvmaf_tiny", "squared_relu_1x128", Grid(24, 16, 32, 53), ()),
        ("nano_tanh", "tanh_24", None, ()),
        ("tiny_tanh", "tanh_32", None, ()),
    ],
)
def test_the_recipes_of_the_models_that_come_along(
    name: str, architecture: str, grid: Grid | None, decay: tuple[float, ...]
) -> None:
    """The bits of a grid and of decay as they stand in the file, and the accumulator that follows from arithmetic."""
    recipe = read_recipe(name)
    content = tomllib.loads(find_recipe(name).read_text(encoding="utf-8"))
    assert (recipe.architecture.name, recipe.grid, recipe.optimiser.decay) == (architecture, grid, decay)
    assert (recipe.arithmetic == "float64") == (name in ("tinyvmaf_tiny", "tiny_tanh"))
    assert content.get("grid") == (grid and {f: getattr(grid, f) for f in ("input_bits", "level_bits", "value_bits")})
    assert tuple(content["optimiser"].get("decay", ())) == decay


def test_the_nanos_of_other_teachers_are_fitted_as_the_first_one() -> None:
    """Each recipe differs in its teacher alone, and in what is said and promised of it."""
    first, *others = [name for name in recipe_ids() if name == "tinyvmaf_nano" or name.startswith("tinyvmaf_nano_")]
    contents = [tomllib.loads(find_recipe(name).read_text(encoding="utf-8")) for name in (first, *others)]
    teachers = [content.pop("teacher") for content in contents]
    assert first == "tinyvmaf_nano"
    assert len(set(teachers)) == len(teachers) >= 5
    for content in contents:
        del content["summary"], content["promises"]
        assert content == contents[0]


def test_an_unknown_recipe_names_those_that_come_along() -> None:
    known = r"did you mean nano_v1\? a TOML file, or one of: a1, .*, tinyvmaf_nano"
    with pytest.raises(RecipeError, match=rf"no recipe 'nano'\n  hint: {known}"):
        read_recipe("nano")


def test_a_file_that_is_no_toml_by_name_is_no_recipe(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD).rename(tmp_path / "mine.txt")
    with pytest.raises(RecipeError, match="no recipe "):
        find_recipe(path)


# Reading.


def test_everything_that_a_recipe_says_is_read(tmp_path: Path) -> None:
    text = changed(
        'method = "B3"\nper = "clip"\nframes = 5\nprecision = "float64"\narithmetic = "float64"',
        f"{ADAM}schedule = 'constant'\nweight_decay = 0.5\n[mos]\nscale = [5, 1]\nstart = 'B1f'\nsteps = 7\n"
        f"learning_rate = 0.25\npenalty = 2\n{DOMAIN}[promises]\nframe_rmse = 0.5\n",
    )
    recipe = read_recipe(write(tmp_path, text))
    assert (recipe.method, recipe.per, recipe.frames, recipe.seeds) == ("B3", "clip", 5, (0, 1))
    assert (recipe.precision, recipe.arithmetic) == ("float64", "float64")
    assert recipe.optimiser == Optimiser(
        name="adam", steps=100, batch=32, learning_rate=0.01, schedule="constant", weight_decay=0.5
    )
    assert recipe.mos == Mos(scale=(5, 1), start="B1f", steps=7, learning_rate=0.25, penalty=2)
    assert recipe.samples == 100
    assert recipe.promises == {"frame_rmse": 0.5}
    assert recipe.sees_clips
    assert recipe.needs_mos


def test_what_a_recipe_does_not_say_is_the_usual(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, GOOD))
    assert (recipe.per, recipe.precision, recipe.arithmetic, recipe.samples) == ("frame", "float32", "float32", 0)
    unused = (recipe.validation, recipe.mos, recipe.promises, recipe.soft_labels_temperature)
    assert unused == (None, None, None, None)
    assert not recipe.needs_mos
    assert read_recipe(write(tmp_path, GOOD + STOP)).validation == Validation(every=10, patience=2)


@pytest.mark.parametrize(("arithmetic", "bits"), [("float32", 24), ("float64", 53)])
def test_the_accumulator_of_a_grid_follows_from_the_arithmetic(arithmetic: str, bits: int, tmp_path: Path) -> None:
    text = changed(f'{B1F_QUADRATIC}\narithmetic = "{arithmetic}"', LM + "decay = [1, 0.5, 0]\n" + DOMAIN + GRID)
    recipe = read_recipe(write(tmp_path, text))
    assert recipe.grid == Grid(13, 12, 11, bits)
    assert recipe.optimiser == Optimiser(name="levenberg_marquardt", steps=10, batch=100, decay=(1, 0.5, 0))
    assert read_recipe(write(tmp_path, changed(B1F_QUADRATIC, LM + DOMAIN + GRID))).grid == Grid(13, 12, 11, 24)


def test_only_a_fit_on_the_domain_sees_no_clip(tmp_path: Path) -> None:
    assert not read_recipe(write(tmp_path, changed('method = "B1f"', ADAM + DOMAIN))).sees_clips


def test_a_recipe_is_called_by_its_file_and_known_by_its_content(tmp_path: Path) -> None:
    """Any change, even a space, gives another sha256."""
    one, other = read_recipe(write(tmp_path, GOOD, "one")), read_recipe(write(tmp_path, GOOD, "other"))
    spaced = read_recipe(write(tmp_path, GOOD + " ", "spaced"))
    assert (one.id, other.id) == ("one", "other")
    assert one.sha256 == other.sha256 == sha256(GOOD.encode())
    assert spaced.sha256 != one.sha256


@pytest.mark.parametrize(("scale", "points"), [((0, 100), [0, 50, 100]), ((100, 0), [100, 50, 0]), ((1, 5), [-25])])
def test_opinions_become_points_by_their_scale(scale: tuple[float, float], points: list[float]) -> None:
    """DMOS counts down; values outside the scale stay outside."""
    asked = (0, 50, 100)[: len(points)]
    assert [Mos(scale=scale).points(opinion) for opinion in asked] == points
    assert Mos(scale=scale).in_points({str(o): (o, 0.5) for o in asked}) == {
        str(o): (p, 0.5) for o, p in zip(asked, points, strict=True)
    }
    assert Mos(scale=(0, 1), weights="equal").in_points({"a": (1, 0.5), "b": (0, 7.0)}) == {"a": (100, 1), "b": (0, 1)}


# What is refused.


def refused(path: Path, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason) as caught:
        read_recipe(path)
    assert caught.value.message.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "summary is missing; teacher is missing"),
        ("summary = ", "Invalid value"),
        (GOOD + "steps = 1\n", "Cannot overwrite a value"),
        (changed('colour = "red"'), "unknown key colour"),
        (changed('summary = "short"'), "summary is 'short'; it must have at least 10 characters"),
        (changed('teacher = "vmaf"'), "teacher is 'vmaf'; it must be one of vmaf_v0.6.1, "),
        (changed('method = "B4"'), "method is 'B4'; it must be 'B1', 'B1f', 'B2' or 'B3'"),
        (changed('architecture = "resnet"'), "architecture is 'resnet'; it must be one of .*mlp_small"),
        (changed("seeds = []"), r"seeds is \[\]; it must have at least 1 item"),
        (changed("seeds = [0, 0]"), r"seeds is \[0, 0\]; a value is there twice"),
        (changed("seeds = [-1]"), r"seeds\.0 is -1; it must be greater than or equal to 0"),
        (changed("seeds = [0, 1.0]"), r"seeds\.1 is 1\.0; it must be a whole number"),
        (changed("seeds = [9223372036854775808]"), r"seeds\.0 is .*; it must be less than 9223372036854775808"),
        (changed('per = "scene"'), "per is 'scene'; it must be 'frame' or 'clip'"),
        (changed("frames = 0"), "frames is 0; it must be greater than or equal to 1"),
        (changed('precision = "float16"'), "precision is 'float16'; it must be"),
        (changed('arithmetic = "int8"'), "arithmetic is 'int8'; it must be 'float32' or 'float64'"),
        (changed("soft_labels_temperature = 0"), "soft_labels_temperature is 0; it must be greater than 0"),
        (changed("", ""), "optimiser is missing"),
        (changed("", "[optimiser]\nsteps = 1\n"), r"optimiser\.name is missing"),
        (changed("", '[optimiser]\nname = "sgd"\n'), "optimiser.name is 'sgd'; it must be 'adam', "),
        (changed("", '[optimiser]\nname = "adam"\n'), "optimiser"),
        (changed("", ADAM + "searches = 1\n"), "optimiser: adam has no searches"),
        (changed("", ADAM.replace("= 100", "= 0")), "optimiser.steps is 0; it must be greater than or equal to"),
        (changed("", ADAM.replace("= 100", "= 100.0")), "optimiser.steps is 100.0; it must be a whole number"),
        (changed("", ADAM.replace("= 100", "= true")), "optimiser.steps is True; it must be a whole number"),
        (changed("", ADAM.replace("0.01", "nan")), "optimiser.learning_rate is nan; it must be a finite number"),
        (changed("", ADAM.replace("0.01", "inf")), "optimiser.learning_rate is inf; it must be a finite number"),
        (changed("", ADAM.replace("0.01", "-0.01")), "optimiser.learning_rate is -0.01; it must be greater than 0"),
        (changed("", ADAM + "schedule = 'linear'\n"), "optimiser.schedule is 'linear'; it must be"),
        (
            changed("", ADAM + "weight_decay = -1\n"),
            "optimiser.weight_decay is -1; it must be greater",
        ),
        (changed("", LM + "learning_rate = 0.1\n"), "optimiser: levenberg_marquardt has no learning_rate"),
        (changed("", ADAM + "decay = [1, 1, 1]\n"), "optimiser: adam has no decay"),
        (changed("", LM + "decay = []\n"), r"optimiser\.decay is \[\]; it must have at least 1 item"),
        (changed("", LM + "decay = 1\n"), "decay is 1; it must be a list"),
        (changed("", LM + "decay = [0, -1, 0]\n"), "optimiser.decay.1 is -1; it must be greater than or equal to"),
        (changed("", LM + "decay = [0, nan, 0]\n"), "optimiser.decay.1 is nan; it must be a finite number"),
        (changed("", LM + "[grid]\n"), "grid.input_bits is missing"),
        (changed("", LM + GRID + "weight_bits = 3\n"), "unknown key grid.weight_bits"),
        (changed("", LM + GRID + "accumulator_bits = 24\n"), "unknown key grid.accumulator_bits"),
        (changed("", LM + GRID.replace("13", "0")), "grid.input_bits is 0; it must be greater than or equal to"),
        (changed("", LM + GRID.replace("13", "13.0")), "grid.input_bits is 13.0; it must be a whole number"),
        (changed("", SQUARES + "batch = 1\n"), "optimiser: least_squares has no batch"),
        (changed("", ADAM + "[domain]\n"), "domain.samples is missing"),
        (changed("", ADAM + "[validation]\nevery = 1\n"), "validation.patience is missing"),
        (changed("", ADAM + "[mos]\n"), "mos.scale is missing"),
        (changed("", ADAM + "[mos]\nscale = [1]\n"), r"mos\.scale\.1 is missing"),
        (changed("", ADAM + "[mos]\nscale = [nan, 1]\n"), "mos.scale.0 is nan; it must be a finite number"),
        (changed("", ADAM + "[mos]\nscale = [1, inf]\n"), "mos.scale.1 is inf; it must be a finite number"),
        (changed("", ADAM + MOS + 'start = "B2"\n'), "mos.start is 'B2'; it must be"),
        (changed("", ADAM + MOS + "pooling = 51\n"), r"mos\.pooling.* is 51"),
        (changed("", ADAM + MOS + "pooling = 'best'\n"), r"mos\.pooling.* is 'best'"),
        (changed("", ADAM + MOS + "penalty = -1\n"), "mos.penalty is -1; it must be greater than or equal to"),
        (changed("", ADAM + "[promises]\nbeauty = 1\n"), "key promises.beauty: it must be one of frame_rmse, "),
        (changed("", ADAM + "[promises]\nframe_rmse = 0\n"), "promises.frame_rmse is 0; it must be greater than 0"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(text: str, reason: str, tmp_path: Path) -> None:
    """TOML tells 1 from 1.0, and has nan and inf."""
    refused(write(tmp_path, text), reason)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    refused(path, "codec can't decode")


@pytest.mark.parametrize(
    ("top", "tables", "reason"),
    [
        ('method = "B2"', ADAM, r"method B2 needs a table \[mos\] with its scale"),
        ('method = "B3"', ADAM + DOMAIN, r"method B3 needs a table \[mos\]"),
        ("", ADAM + MOS, r"method B1 fits no opinions: remove \[mos\]"),
        ('method = "B2"', ADAM + "[mos]\nscale = [3, 3.0]\n", r"mos.scale is \[3, 3.0\]; both ends are the same"),
        ('method = "B1f"', ADAM, r"B1f needs a table \[domain\]"),
        ('method = "B3"', ADAM + MOS, r"B1f needs a table \[domain\]"),
        ("", ADAM + DOMAIN, r"nothing is fitted on the domain: remove \[domain\]"),
        ('method = "B3"', ADAM + MOS_B1 + DOMAIN, r"nothing is fitted on the domain: remove \[domain\]"),
        ('method = "B1f"\nper = "clip"', ADAM + DOMAIN, "samples of the domain have no clips"),
        ('method = "B1f"', ADAM + DOMAIN + STOP, "samples of the domain have no source to validate on"),
        ('method = "B3"', ADAM + MOS + DOMAIN + STOP, "samples of the domain have no source to validate on"),
        ('architecture = "a3"', ADAM, 'architecture a3 needs per = "clip"'),
        ('architecture = "a4"', ADAM, "architecture a4 and optimiser adam do not go together"),
        ("", SQUARES, "architecture mlp_small and optimiser least_squares do not go together"),
        ("", LM + STOP, "levenberg_marquardt has no early stop"),
        ('architecture = "a4"', SQUARES + STOP, "least_squares has no early stop"),
        ('per = "clip"', ADAM + STOP, "early stop is by frames"),
        ("soft_labels_temperature = 1", LM, "levenberg_marquardt has no soft labels"),
        ('per = "clip"', LM, "levenberg_marquardt fits frames only"),
        ('architecture = "a3"\nper = "clip"', LM, "levenberg_marquardt fits frames only"),
        ('method = "B2"', LM + MOS, "levenberg_marquardt fits no opinions"),
        ('method = "B1f"\narchitecture = "a4"', SQUARES + DOMAIN, "a4 starts as the teacher: B1 or B2"),
        ('method = "B3"\narchitecture = "a4"', SQUARES + MOS + DOMAIN, "a4 starts as the teacher: B1 or B2"),
        ('method = "B2"\nsoft_labels_temperature = 1', ADAM + MOS, "soft labels need method B1"),
        ('architecture = "fr_regressor"', LM, "levenberg_marquardt has no dropout"),
        ('architecture = "gelu_32"\narithmetic = "float64"', ADAM, "ONNX Runtime has no Erf in float64"),
        ("frames = 8", ADAM, 'frames needs per = "clip"'),
        ('method = "B2"', ADAM + MOS + "penalty = 1.0\n", r"penalty of \[mos\] needs method B3"),
        (POOLED.replace("B2", "B1"), SQUARES, "teacher_line is of the teacher's scores, so it fits opinions alone: B2"),
        (POOLED, ADAM + MOS, "architecture teacher_line and optimiser adam do not go together"),
        (POOLED.splitlines()[0] + '\nmethod = "B2"', SQUARES + MOS, 'architecture teacher_line needs per = "clip"'),
        ('method = "B2"', ADAM + MOS + "pooling = 1\n", "architecture mlp_small has no pooling"),
        ("", LM + "searches = 2\n", "searches needs a table"),
        ('method = "B3"', LM + MOS_B1, "levenberg_marquardt starts B3 in the domain only"),
        (B1F_QUADRATIC, ADAM + DOMAIN + GRID, r"\[grid\] needs method B1f and optimiser lev"),
        ('architecture = "quadratic_32"', LM + GRID, r"\[grid\] needs method B1f and optimiser lev"),
        ('architecture = "quadratic_32"\nmethod = "B3"', LM + MOS + DOMAIN + GRID, r"\[grid\] needs method B1f"),
        (
            'architecture = "tanh_24"\nmethod = "B1f"',
            LM + DOMAIN + GRID,
            "architecture tanh_24 has no grid: only quadratic and squared_relu units are exact on one",
        ),
        ('architecture = "linear"\nmethod = "B1f"', LM + DOMAIN + GRID, "architecture linear has no grid: only quadr"),
        (
            'architecture = "squared_relu_1x128"\nmethod = "B1f"',
            LM + DOMAIN + GRID,
            "a square is not shortened: value_bits of .grid. must be twice level_bits",
        ),
        ("", LM + "decay = [1, 1]\n", "decay needs 3 entries, one for each layer of mlp_small"),
        ('architecture = "linear"', LM + "decay = [1, 1, 1]\n", "decay needs 1 entries, one for each layer of linear"),
        (B1F_QUADRATIC, LM + DOMAIN + GRID.replace("12", "13"), "grid: level_bits is 13, not 1 to 12"),
        (
            B1F_QUADRATIC,
            LM + DOMAIN + GRID.replace("11", "25"),
            "grid: input_bits must be 1 to accumulator_bits, and value",
        ),
        (
            B1F_QUADRATIC + '\narithmetic = "float64"',
            LM + DOMAIN + GRID.replace("12", "27"),
            "grid: level_bits is 27, not 1 to 26",
        ),
        (
            'method = "B3"\narchitecture = "a3"\nper = "clip"',
            LM + MOS + DOMAIN,
            "levenberg_marquardt has no attention",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(top: str, tables: str, reason: str, tmp_path: Path) -> None:
    refused(write(tmp_path, changed(top, tables)), reason)


@pytest.mark.parametrize(
    ("top", "tables"),
    [
        ('per = "clip"', ADAM),
        ('architecture = "a3"\nper = "clip"', ADAM),
        ('architecture = "a4"\nper = "clip"', SQUARES),
        ("soft_labels_temperature = 25", ADAM + STOP),
        ("", LM),
        ("", LM + "decay = [0, 1e-9, 0.5]\n"),
        ('method = "B1f"', ADAM + DOMAIN),
        (B1F_QUADRATIC, LM + DOMAIN + GRID),
        ('architecture = "squared_relu_1x128"\nmethod = "B1f"', LM + DOMAIN + GRID.replace("11", "24")),
        (B1F_QUADRATIC, LM + DOMAIN),
        ('architecture = "quadratic_32"', ADAM),
        ('method = "B1f"', LM + "searches = 2\n" + DOMAIN),
        ('method = "B2"', ADAM + MOS + STOP),
        ('method = "B2"\nper = "clip"', ADAM + MOS),
        ('method = "B2"\narchitecture = "a4"', SQUARES + MOS),
        (POOLED, SQUARES + MOS),
        (POOLED, SQUARES + MOS + 'pooling = -1.5\nweights = "equal"\n'),
        (POOLED, SQUARES + MOS + 'pooling = "fitted"\n'),
        ('method = "B2"', ADAM + MOS + 'weights = "equal"\n'),
        ('method = "B3"', ADAM + MOS_B1 + STOP),
        ('method = "B3"\nper = "clip"', LM + MOS + DOMAIN),
        ('method = "B3"\narchitecture = "a3"\nper = "clip"', ADAM + MOS + DOMAIN),
    ],
)
def test_what_goes_together_is_read(top: str, tables: str, tmp_path: Path) -> None:
    assert read_recipe(write(tmp_path, changed(top, tables))).id == "mine"
