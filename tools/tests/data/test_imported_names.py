"""Names of columns in logs of all libvmafs."""

import pytest

from tinyvmaf.data.imported.names import names_of, role_of, score_name, statistic_of
from tinyvmaf.vmaf.features import CANONICAL

NEG = ("adm2_egl_1", "vif_scale0_egl_1", "vif_scale1_egl_1", "vif_scale2_egl_1", "vif_scale3_egl_1", "motion2")

LONG = [f"integer_vif_scale{scale}_vif_enhn_gain_limit_1" for scale in range(4)]


@pytest.mark.parametrize(
    "pattern", ["integer_{}", "VMAF_integer_feature_{}_score", "{}", "VMAF_feature_{}_score"], ids=lambda text: text
)
def test_canonical_6_has_its_names_whatever_the_log_calls_it(pattern: str) -> None:
    version = None if "integer" in pattern else "1.3.15"
    assert tuple(names_of([pattern.format(name) for name in CANONICAL], version).values()) == CANONICAL


@pytest.mark.parametrize("version", ["65aa63bb", "2.3.1", "RELEASE_CANDIDATE", "v3.0.0"])
def test_floating_point_features_keep_apart_from_libvmaf_2_on(version: str) -> None:
    assert names_of(["adm2", "VMAF_feature_vif_scale0_score"], version) == {
        "adm2": "float_adm2",
        "VMAF_feature_vif_scale0_score": "float_vif_scale0",
    }
    both = names_of(["adm2", "integer_adm2", "float_ssim", "float_motion2"], "1.5.3")
    assert list(both.values()) == ["float_adm2", "adm2", "float_ssim", "float_motion2"]


@pytest.mark.parametrize(
    "columns",
    [
        [f"integer_{name}" for name in NEG],
        ["integer_adm2_adm_enhn_gain_limit_1.000000", *LONG, "integer_motion2"],
        [f"VMAF_integer_feature_{name.replace('_egl_1', '')}_score{'_egl_1' * ('_egl_1' in name)}" for name in NEG],
    ],
)
def test_options_have_short_names(columns: list[str]) -> None:
    assert tuple(names_of(columns, "3.0.0").values()) == NEG


@pytest.mark.parametrize(
    ("column", "role"),
    [
        ("vmaf", "score"),
        ("vmaf_4k_v0.6.1neg", "score"),
        ("neg", "score"),
        ("../model/vmaf_v0.6.1.pkl", "score"),
        ("VMAF_score", "score"),
        ("vmaf_2160", "score"),
        ("vmaf_0001", "member"),
        ("vmaf_b_v0.6.3_0020", "member"),
        ("bagging", "statistic"),
        ("vmaf_b_v0.6.3_ci_p95_lo", "statistic"),
        ("integer_adm_scale0", "feature"),
        ("VMAF_integer_feature_motion_sad_score", "feature"),
        ("psnr_hvs_y", "feature"),
        ("float_ms_ssim", "feature"),
        ("cambi", "feature"),
        ("speed_chroma_uv_nw_0.01", "feature"),
        ("ciede2000", "feature"),
    ],
)
def test_what_a_column_holds(column: str, role: str) -> None:
    assert role_of(column) == role


def test_statistics_belong_to_the_score_in_their_name() -> None:
    assert statistic_of("vmaf_b_v0.6.3_ci_p95_hi") == ("vmaf_b_v0.6.3", "ci95_high")
    assert statistic_of("stddev") == (None, "stddev")
    assert statistic_of("vmaf") is None
    assert score_name("VMAF_score") == "vmaf"
