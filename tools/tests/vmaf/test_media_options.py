"""Options as people type them."""

import pytest

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.media.options import PairOptions, Reading, both, pair_options_of


def test_a_value_for_both_or_one_for_each() -> None:
    assert pair_options_of({"range": "full"}) == both(range="full")
    assert pair_options_of({"range": "full,limited", "stream": "0,2"}) == PairOptions(
        Reading(range="full", stream=0), Reading(range="limited", stream=2)
    )
    assert pair_options_of({"matrix": "bt709,"}) == PairOptions(Reading(matrix="bt709"))
    assert pair_options_of({"depth": "auto", "chroma": "420", "allow_errors": "true"}) == PairOptions(
        depth="auto", chroma="420", allow_errors=True
    )


def test_options_that_are_not_given_are_those_of_the_base() -> None:
    base = pair_options_of({"range": "full", "depth": "10"})
    assert pair_options_of({"depth": None, "range": ""}, base) == base
    assert pair_options_of({"depth": "12"}, base).depth == 12


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("depth", "11", "--depth does not take '11'\n  hint: known: auto, 8, 10, 12, 16"),
        ("range", "full,limited,full", "--range does not take 'limited,full'"),
        ("stream", "-1", "not the number of a stream"),
        ("film_grain", "no", "--film-grain does not take 'no'"),
        ("size", "1x", "not a frame size"),
        ("codec", "x", "unknown input option --codec"),
    ],
)
def test_a_wrong_value_is_named_with_the_known_ones(name: str, text: str, message: str) -> None:
    with pytest.raises(MediaError) as caught:
        pair_options_of({name: text})
    assert message in str(caught.value)
