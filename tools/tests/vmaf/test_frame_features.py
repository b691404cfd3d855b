"""Features that Python computes from decoded frames: every frame once, paired by number, at the coded depth."""

import functools
import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.errors import FFmpegError, TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.frame_features import FRAME_FEATURES, FrameFeature, Luma, luma_shift, measure_frames, version_of
from tinyvmaf.vmaf.media import Geometry, Video, open_video, pixel_format


def raw(path: Path, frames: list[np.ndarray], pix_fmt: str, ffmpeg: FFmpeg) -> Video:
    """A raw file of luma frames, its chroma planes grey."""
    height, width = frames[0].shape
    grey = np.full(height * width // 2, 2 ** (pixel_format(pix_fmt).bits - 1), frames[0].dtype).tobytes()
    path.write_bytes(b"".join(frame.tobytes() + grey for frame in frames))
    return open_video(path, ffmpeg, raw_geometry=Geometry(width, height, pixel_format(pix_fmt)))


@pytest.mark.parametrize(("pix_fmt", "dtype", "top"), [("yuv420p", np.uint8, 256), ("yuv420p10le", np.uint16, 1024)])
def test_a_function_sees_the_coded_luma_of_both_frames(
    pix_fmt: str, dtype: type[np.integer], top: int, tmp_path: Path, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    ref, dis = ([rng.integers(0, top, (32, 48)).astype(dtype) for _ in range(5)] for _ in range(2))
    seen: list[tuple[Luma, Luma]] = []

    def remember(a: Luma, b: Luma) -> float:
        seen.append((a.copy(), b.copy()))
        return float(len(seen))

    monkeypatch.setitem(FRAME_FEATURES, "seen", remember)
    found = measure_frames(
        raw(tmp_path / "r.yuv", ref, pix_fmt, ffmpeg),
        raw(tmp_path / "d.yuv", dis, pix_fmt, ffmpeg),
        ["seen", "luma_shift"],
        ffmpeg,
    )
    assert all(np.array_equal(a, r) and np.array_equal(b, d) for (a, b), r, d in zip(seen, ref, dis, strict=True))
    assert found["seen"].tolist() == [1, 2, 3, 4, 5]
    shift = [float(d.mean(dtype=float) - r.mean(dtype=float)) for r, d in zip(ref, dis, strict=True)]
    assert found["luma_shift"].tolist() == shift


def test_encoded_files_are_decoded(encode: Callable[..., Path], ffmpeg: FFmpeg) -> None:
    video = open_video(encode("a.mp4", frames=7), ffmpeg)
    assert measure_frames(video, video, ["luma_shift"], ffmpeg)["luma_shift"].tolist() == [0.0] * 7


def test_a_value_that_is_not_finite_is_an_error(
    encode: Callable[..., Path], ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FRAME_FEATURES, "nan", lambda _a, _b: float("nan"))
    video = open_video(encode("a.mp4", frames=2), ffmpeg)
    with pytest.raises(FFmpegError, match="feature nan of frame 0 is not finite"):
        measure_frames(video, video, ["nan"], ffmpeg)


def test_other_code_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper or a constant of the module counts too."""
    code = "GAIN = 1.0\ndef helper(a): return a.mean() * GAIN\n"
    code += "def f(a, b): return helper(b)\ndef g(a, b): return helper(a)\n"
    versions = set()
    for number, text in enumerate((code, code.replace("1.0", "2.0"), code.replace("mean", "max"))):
        path = tmp_path / f"mine_{number}.py"
        path.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        module = importlib.import_module(path.stem)
        for name in "fg":
            monkeypatch.setitem(FRAME_FEATURES, "mine", getattr(module, name))
            versions.add(version_of("mine"))
    assert len(versions) == 6


@pytest.mark.parametrize("feature", [functools.partial(luma_shift), np.hypot, eval("lambda a, b: 0.0", {})])
def test_code_without_a_file_has_no_version(feature: FrameFeature, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FRAME_FEATURES, "mine", feature)
    with pytest.raises(TinyvmafError, match=r"frame feature mine: .* is not a function of a Python file"):
        version_of("mine")
