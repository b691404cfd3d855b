"""What `extract` says where `tinyvmaf score` would have an option."""

from pathlib import Path

from tinyvmaf.data.corpus import scan
from tinyvmaf.data.extract import ExtractionRequest, extract
from tinyvmaf.data.store import Store
from tinyvmaf.vmaf.ffmpeg import FFmpeg

from ..fixture_types import Encode


def test_a_refused_clip_is_told_what_extract_can_do(encode: Encode, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    for folder in ("ref", "dis"):
        (tmp_path / folder).mkdir()
    encode("ref/a_25fps.mkv", "-pix_fmt", "yuv420p", "-c:v", "ffv1")
    encode("dis/a_20_96_100.mkv", "-pix_fmt", "yuv420p10le", "-c:v", "ffv1")
    (failure,) = extract(scan(tmp_path), ExtractionRequest(), Store(tmp_path / "store"), ffmpeg, jobs=1).failures
    assert "bit depth 8 against 10" in failure.reason
    assert "hint: extract has no option for it: make the clip again; for tinyvmaf score: " in failure.reason
