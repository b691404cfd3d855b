"""libvmaf's features: the table of their columns, against this libvmaf."""

import pytest

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.libvmaf.extractors import EXTRACTORS, columns_of, require_features
from tinyvmaf.vmaf.media import both

from ..fixture_types import Clip

RAW = both(size="320x180", pix_fmt="yuv420p")


def test_each_column_of_the_log_belongs_to_a_feature_of_the_table(clip: Clip, ffmpeg: FFmpeg) -> None:
    """All features of the table in one run: this libvmaf has each, and logs no column that the table lacks."""
    pair = clip("r.yuv", frames=2, size=(320, 180)), clip("d.yuv", frames=2, noise=9, size=(320, 180))
    table = score_pair(
        *pair, options=RAW, models=[], features=list(EXTRACTORS), may_be_null=["psnr_hvs"], ffmpeg=ffmpeg
    )
    owned = {column for feature in EXTRACTORS for column in columns_of(feature, table.columns)}
    assert set(table.columns) - owned == {"VMAF_integer_feature_motion_sad_score"}  # of use to libvmaf alone
    listed = {column for names in EXTRACTORS.values() for column in names}
    optional = {"mse_y", "mse_cb", "mse_cr", "integer_motion"}  # with enable_mse=true, and debug=true
    assert listed - set(table.columns) == optional


def test_options_add_to_the_names_of_columns() -> None:
    logged = [
        "psnr_y",
        "psnr_hvs",
        "psnr_hvs_y",
        "cambi",
        "cambi_hrs_1080",
        "speed_chroma_u",
        "speed_chroma_uv",
        "mse_y",
    ]
    assert columns_of("psnr:enable_mse=true", logged) == ["psnr_y", "mse_y"]
    assert columns_of("psnr_hvs", logged) == ["psnr_hvs", "psnr_hvs_y"]
    assert columns_of("cambi:full_ref=true", logged) == ["cambi", "cambi_hrs_1080"]
    assert columns_of("speed_chroma", logged) == ["speed_chroma_u", "speed_chroma_uv"]
    assert columns_of("unknown", [*logged, "unknown_y"]) == ["unknown_y"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ssim", "float_ssim or float_ms_ssim"),
        ("ms_ssim", "float_ms_ssim or float_ssim"),
        ("ciede2000", "ciede"),
        ("vmaf", "vif"),
    ],
)
def test_a_feature_that_libvmaf_does_not_have_is_refused_with_the_nearest(name: str, near: str, ffmpeg: FFmpeg) -> None:
    with pytest.raises(TinyvmafError, match=f"this libvmaf has no feature '{name}'") as caught:
        require_features(["psnr", name], ffmpeg)
    assert f"did you mean {near}? libvmaf has psnr, " in str(caught.value.hint)


def test_a_feature_that_only_this_libvmaf_knows_is_taken(ffmpeg: FFmpeg) -> None:
    require_features(["null"], ffmpeg)


def test_an_option_that_libvmaf_would_ignore_is_refused(ffmpeg: FFmpeg) -> None:
    require_features(["psnr:enable_chroma=false:min_sse=0.5", "cambi:eotf=pq"], ffmpeg)
    with pytest.raises(TinyvmafError, match="feature 'psnr' of this libvmaf has no option 'enable_chrom'"):
        require_features(["psnr:enable_chrom=false"], ffmpeg)
