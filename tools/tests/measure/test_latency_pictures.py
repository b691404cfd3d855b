"""A model that takes pictures as a lane: what is timed, and that wrong outputs are found."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.errors import ModelError
from tinyvmaf.measure import latency
from tinyvmaf.measure.latency import (
    BASELINE,
    FLOOR,
    MODEL,
    BaselineError,
    PictureLane,
    PictureOpponents,
    cost,
    floor_model,
    picture_floor,
    picture_opponents,
    picture_race,
    pictures_to_time,
)
from tinyvmaf.model.engines import EngineError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import VmafModel
from tinyvmaf.vmaf.patterns import HEIGHT, WIDTH

from ..model.picture_models import (
    BYTE,
    Net,
    exact_filter,
    exact_score,
    fixed_size,
    float_filter,
    float_score,
    identity_filter,
    pictures,
)

SMALL = pictures(2, 96, 128)


def random_score() -> bytes:
    """A score that is another one in each call."""
    net = Net()
    mean = net.add("ReduceMean", "luma", axes=[2, 3], keepdims=0)
    net.add("Add", mean, net.add("RandomUniformLike", mean), out="score")
    return net.model("score")


def root_score() -> bytes:
    """NaN of a bright picture."""
    net = Net()
    mean = net.add("ReduceMean", "luma", axes=[2, 3], keepdims=0)
    net.add("Sqrt", net.add("Sub", net.constant(0.5), mean), out="score")
    return net.model("score")


def many_times(times: int) -> bytes:
    """A convolution that is done again and again."""
    net = Net()
    x = "luma"
    for number in range(times):
        out = "picture" if number == times - 1 else ""
        x = net.add("Conv", x, net.constant(np.full((1, 1, 5, 5), 0.04)), pads=[2] * 4, out=out)
    return net.model("picture")


@pytest.mark.parametrize("data", [exact_score(), float_score(), exact_filter(), float_filter(), identity_filter()])
def test_every_output_is_looked_at(data: bytes) -> None:
    lane = PictureLane("model", data, SMALL)
    assert lane.checked == 2
    for _ in range(3):
        assert lane.block() > 0
    assert (lane.checked, lane.wrong) == (5, {})
    assert lane.creation_ms > 0


def test_a_model_of_uint8_is_timed_on_samples() -> None:
    lane = PictureLane("model", exact_filter(BYTE), pictures(2, 96, 128, element=BYTE))
    lane.block()
    assert not lane.wrong
    with pytest.raises(ModelError, match="takes uint8"):
        PictureLane("model", exact_filter(BYTE), SMALL)


def test_another_answer_to_the_same_picture_is_found() -> None:
    lane = PictureLane("model", random_score(), SMALL)
    lane.block()
    assert lane.wrong == {"picture 0": "other than in the first call, or not a number"}


def test_what_is_not_a_number_is_found_where_it_is() -> None:
    both = np.stack([np.full((1, 64, 64), value, np.float32) for value in (0.25, 0.75)])
    assert set(PictureLane("model", root_score(), both).wrong) == {"picture 1"}


def test_only_the_model_under_test_is_blamed() -> None:
    for data in (b"nothing", floor_model(6), random_score(), fixed_size()):
        with pytest.raises(BaselineError, match="baseline"):
            PictureLane("baseline", data, SMALL, fault=BaselineError).block()
    with pytest.raises(ModelError, match="model"):
        PictureLane("model", floor_model(6), SMALL)


def test_the_pictures_are_of_1080p_and_stay_as_they_are() -> None:
    luma, samples = pictures_to_time("float32"), pictures_to_time("uint8")
    assert luma.shape == samples.shape == (2, 1, HEIGHT, WIDTH)
    assert np.array_equal(luma, samples.astype(np.float32) / np.float32(255))
    assert not luma.flags.writeable


def test_a_race_has_a_copy_and_the_baseline_only_if_there_is_one() -> None:
    floor = PictureLane(FLOOR, picture_floor(), SMALL, fault=EngineError)
    assert np.array_equal(floor._first[0], SMALL[:1])
    alone = picture_race(exact_score(), PictureOpponents(SMALL, None))
    assert [lane.name for lane in alone.lanes] == [MODEL, FLOOR]
    both = picture_race(exact_score(), PictureOpponents(SMALL, exact_score()))
    assert [lane.name for lane in both.lanes] == [MODEL, FLOOR, BASELINE]
    assert both.repeats == 3


def test_a_slow_call_has_no_call_before_it() -> None:
    slow = PictureLane("model", exact_score(), SMALL, clock=itertools.count(0, 30_000_000).__next__)
    assert slow.takes_ns == 30_000_000
    assert slow.block() == pytest.approx(30_000_000 / 2.0736)


def test_a_slower_model_is_seen() -> None:
    race = picture_race(many_times(3), PictureOpponents(pictures(1, 540, 960), many_times(1)))
    race.run(latency.PICTURE_PASSES)
    assert race.ratio(MODEL, BASELINE).low > 1.5
    assert race.ratio(MODEL, FLOOR).low > race.ratio(BASELINE, FLOOR).high


def test_a_baseline_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "before.onnx"
    path.write_bytes(exact_score())
    assert picture_opponents("one", SMALL, path, given="score").baseline == exact_score()
    for data, given, message in (
        (exact_score(), "picture", "has luma and score, not luma and picture"),
        (floor_model(6), "score", "does not keep the contract"),
        (b"nothing", "score", "does not keep the contract"),
    ):
        path.write_bytes(data)
        with pytest.raises(BaselineError, match=message):
            picture_opponents("one", SMALL, path, given=given)


def test_convolutions_are_counted_a_pixel() -> None:
    assert cost(many_times(2)).multiply_adds == 2 * 25 * HEIGHT * WIDTH
    net = Net()
    x = net.add("Conv", "luma", net.constant(np.ones((4, 1, 8, 8))), strides=[4, 4])
    x = net.add("Conv", x, net.constant(np.ones((4, 1, 3, 3))), group=4, strides=[2, 2])
    x = net.add("Conv", x, net.constant(np.ones((6, 4, 1, 1))))
    net.add("ReduceMean", net.add("ConvTranspose", x, net.constant(np.ones((6, 1, 2, 2)))), axes=[2, 3], keepdims=0)
    net.add("Identity", net.nodes[-1].output[0], out="score")
    first, second = 269 * 479, 134 * 239
    counted = first * 4 * 64 + second * 4 * 9 + second * 6 * 4 + second * 6 * 4
    assert cost(net.model("score")).multiply_adds == counted
    assert cost(identity_filter()).multiply_adds == 0


def test_a_frame_of_libvmaf_and_of_models_in_turns(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """A model that does not run says nothing of the others."""
    models = {name: (data, SMALL) for name, data in (("good", exact_score()), ("broken", b"nothing"))}
    found = latency.frame_cost(models, VmafModel("vmaf_v0.6.1"), ffmpeg, tmp_path, passes=1)
    assert (set(found.models_s), set(found.failed)) == ({"good"}, {"broken"})
    assert found.libvmaf_s[0] > 0.005
    assert found.ratio("good") == found.ratios("good")[0] > 0
    assert list(tmp_path.iterdir()) == []
