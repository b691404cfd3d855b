"""What FFmpeg prints of a file, where its threads write into one another's lines."""

import re
from pathlib import Path

import pytest

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, run
from tinyvmaf.vmaf.media import open_video, probe

OTHER = "Terminating thread with return code 0 (success)\n"


@pytest.fixture
def picture(ffmpeg: FFmpeg, tmp_path: Path) -> Path:
    run(ffmpeg, ["-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "1", "p.png"], cwd=tmp_path, timeout=60)
    return tmp_path / "p.png"


@pytest.fixture
def printed(picture: Path, ffmpeg: FFmpeg) -> str:
    return probe._look(picture, ffmpeg, ["-i", str(picture)], "0:V:0", True)[0]


def read(stderr: str) -> list[object]:
    """All that is read of a frame's lines."""
    found = [line.search(stderr) for line in (probe._SHOWN, probe._CODED, probe._TAGS)]
    return [one and one.groups() for one in found]


def test_a_line_with_a_part_of_another_is_never_believed(printed: str) -> None:
    """Cut anywhere: what another thread printed, then the prefix again, as FFmpeg prints it."""
    whole, told = read(printed), 0
    assert not probe.torn(printed)
    block = re.search(r"^\[graph -1 input[\s\S]*?color_trc:\S+\n", printed, re.MULTILINE)
    assert block is not None
    for at in range(block.start(), block.end()):
        for begun in ("", "[Parsed_showinfo_0 @ 0x5c] [info] "):
            stderr = printed[:at] + OTHER + begun + printed[at:]
            told += probe.torn(stderr)
            assert probe.torn(stderr) or read(stderr) == whole, stderr[block.start() : block.end() + 90]
    assert told > 100


@pytest.mark.parametrize("torn", [1, probe._LOOKS - 1, probe._LOOKS])
def test_a_torn_line_is_looked_at_again(
    torn: int, picture: Path, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg tears one line of some thousand: here the first looks are torn after it has printed them."""
    once, looks = probe._look_once, list[str]()

    def tear(*arguments: object) -> tuple[str, list[str]]:
        stderr, packets = once(*arguments)  # type: ignore[arg-type]
        looks.append(stderr)
        return (stderr.replace(" color_trc:", OTHER) if len(looks) <= torn else stderr), packets

    monkeypatch.setattr(probe, "_look_once", tear)
    if torn < probe._LOOKS:
        assert open_video(picture, ffmpeg).geometry.width == 64
        assert len(looks) == torn + 1
    else:
        with pytest.raises(MediaError, match="torn 8 times"):
            open_video(picture, ffmpeg)
