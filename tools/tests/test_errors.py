"""The hint for a misspelt word."""

from tinyvmaf.errors import known_hint


def test_the_hint_names_the_nearest_and_all() -> None:
    assert known_hint("vmaf_v1", ["vmaf_v2", "psnr"]) == "did you mean vmaf_v2? known: vmaf_v2, psnr"
    assert known_hint("ab", ["ba", "abc"]) == "did you mean ba? known: ba, abc"
    assert known_hint("xyz", ["psnr"], "registered") == "registered: psnr"
    assert known_hint("xyz", []) == "known: none"
