"""Records of fits in the loso gate: they spare a fit that is the same, and nothing else."""

import re
from pathlib import Path

import pytest

from tinyvmaf.files import file_sha256
from tinyvmaf.model import registry
from tinyvmaf.train import refits
from tinyvmaf.train.recipes import read_recipe
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

from .conftest import Gate
from .loso_copies import BANDS, DOMAIN, FAIL, ID, MOVES, OFF, SAME, failed, halved, register_anew

pytestmark = pytest.mark.usefixtures("one_student")


def recorded(copy: Path, **changed: object) -> None:
    """A record of the student's fit, as `tinyvmaf refit --record` writes it, edited by hand."""
    one, recipe = registry.find(ID, copy / "model"), read_recipe(copy / f"model/recipes/{ID}.toml")
    request = refits.request_of(one, recipe, load_built_in(find_ffmpeg(), recipe.teacher))
    found = refits.record_of(one, request, one.data, "0123456789ab").model_copy(update=changed)
    refits.write(one, found, one.data)


def test_a_record_spares_the_fit(copy: Path, loso: Gate) -> None:
    """Nothing is fitted: the store of this run is empty, and stays so. The verdict says what was believed."""
    recorded(copy)
    status, text = loso("-k", "is_of_this_recipe", TINYVMAF_CACHE=str(copy / "cache"))
    assert status == 0, text
    assert f"{ID}'s record of it says, the registered file again, byte for byte" in text
    assert not list((copy / "cache").glob("entries/*"))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"recipe_sha256": "0" * 64}, "recipe"),
        ({"sha256": "0" * 64}, "file"),
        ({"code": "0" * 64}, "code that fits"),
    ],
)
def test_a_record_of_another_fit_is_not_believed(
    changed: dict[str, object], words: str, copy: Path, loso: Gate
) -> None:
    """Another recipe, another model, edited code: the recipe is fitted."""
    recorded(copy, **changed)
    status, text = loso("-k", "is_of_this_recipe")
    assert status == 0, text
    assert f"{ID}: its recorded fit had another {words}, so it is not believed, and its recipe is fitted" in text
    assert "it gives the registered file again, byte for byte" in text


def test_a_record_spares_no_fold_of_a_recipe_that_sees_clips(copy: Path, loso: Gate) -> None:
    """All digests are in order, but for the kind of recipe: the file was fitted to clips."""
    recorded(copy)
    training = registry.find(ID, copy / "model").sidecar.as_dict()["training"]
    clips = copy / "model/recipes/on_clips.toml"
    recorded(copy, recipe="on_clips", recipe_sha256=file_sha256(clips))
    register_anew(copy, training=training | {"recipe": "on_clips", "recipe_sha256": file_sha256(clips)})
    status, text = loso("-k", "held_out_once or is_of_this_recipe or is_far_off")
    assert "it sees clips, and is fitted with a source held out only" in text
    assert re.search(r"folds, Carphone, seed 0", text), text
    assert status == FAIL, text


def test_a_wrong_file_fails_though_its_record_is_in_order(copy: Path, loso: Gate) -> None:
    """A forged record spares the fit, and no other gate: the file itself is judged."""
    halved(copy)
    recorded(copy)
    status, text = loso()
    assert status == FAIL, text
    assert {OFF, DOMAIN, BANDS, MOVES, SAME} <= failed(text)
