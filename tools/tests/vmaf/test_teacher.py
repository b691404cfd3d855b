"""Teachers are the published ones or refused, and computed like libsvm."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL, named, resolve
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, ScoreTransform, load_built_in, load_json, parse
from tinyvmaf.vmaf.teacher.load import _model_texts

from ..fixture_types import Encode


@pytest.mark.parametrize("name", KNOWN)
def test_every_published_teacher_is_in_this_libvmaf(name: str, ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, name)
    assert teacher.sha256 == KNOWN[name]
    assert len(teacher.bootstrap) == (20 if name == "vmaf_b_v0.6.3" else 0)


def test_the_default_teacher_has_the_published_parameters(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg)
    assert teacher.feature_names == CANONICAL
    assert len(teacher.svr.coefficients) == 211
    assert (teacher.svr.gamma, teacher.svr.clip) == (0.04, (0.0, 100.0))
    assert teacher.svr.transform is None


def test_the_score_range_is_the_clip_or_else_the_scale(ffmpeg: FFmpeg) -> None:
    svr = load_built_in(ffmpeg).svr
    assert replace(svr, clip=(20.0, 90.0)).score_range == (20.0, 90.0)
    assert replace(svr, clip=None).score_range == (0.0, 100.0)


def test_a_teacher_agrees_with_libsvm_written_out(ffmpeg: FFmpeg) -> None:
    """An independent computation: the sums of libvmaf's predict.c, one by one, in the order of the JSON."""
    teacher = load_built_in(ffmpeg)
    model = json.loads(teacher.json)["model_dict"]
    header, body = model["model"].split("\nSV\n")
    rho = float(header.split("rho ")[1].split()[0])
    row = dict(zip(CANONICAL, (0.95, 0.5, 0.8, 0.9, 0.94, 6.0), strict=True))
    x = [row[name.removeprefix("VMAF_integer_feature_").removesuffix("_score")] for name in model["feature_names"]]
    x = [s * v + i for v, s, i in zip(x, model["slopes"][1:], model["intercepts"][1:], strict=True)]
    total = -rho
    for line in body.strip().splitlines():
        coefficient, *entries = line.split()
        vector = {int(entry.split(":")[0]): float(entry.split(":")[1]) for entry in entries}
        distance = sum((a - vector.get(index, 0.0)) ** 2 for index, a in enumerate(x, start=1))
        total += float(coefficient) * math.exp(-0.04 * distance)
    expected = (total - model["intercepts"][0]) / model["slopes"][0]
    assert teacher.predict([list(row.values())])[0] == pytest.approx(expected, abs=1e-10)


def test_rows_do_not_depend_on_each_other(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg)
    rows = np.random.default_rng(0).uniform(0, 1, (20_000, 6))
    np.testing.assert_allclose(teacher.predict(rows)[17_000:17_010], teacher.predict(rows[17_000:17_010]), atol=1e-11)


def test_a_chroma_of_exactly_0_is_computed_from_luma(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h")
    zero = teacher.predict([[0.0, 0.0, 0.9, 5.0]])
    assert zero == teacher.predict([[0.0, 120.0 * (1 - 0.9), 0.9, 5.0]])
    assert zero != teacher.predict([[0.0, 1e-6, 0.9, 5.0]])


def test_bagging_has_the_point_estimate_within_its_interval(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, "vmaf_b_v0.6.3")
    row = [[0.95, 0.5, 0.8, 0.9, 0.94, 6.0]]
    bagging = teacher.bagging(row)
    assert bagging.ci95_low < bagging.mean < bagging.ci95_high
    assert bagging.stddev > 0
    with pytest.raises(TeacherError, match="does not run bootstrap collections"):
        teacher.model()
    with pytest.raises(TeacherError, match="has no bootstrap models"):
        load_built_in(ffmpeg).bagging(row)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0] * 5], r"\[N, 6\] \(adm2, .*not \[1, 5\]"),
        ([1.0] * 6, r"not \[6\]"),
        ([[1, 1, float("nan"), 1, 1, 1]], "vif_scale1 of row 0 is nan"),
    ],
)
def test_malformed_rows_are_refused(rows: list[object], message: str, ffmpeg: FFmpeg) -> None:
    with pytest.raises(TeacherError, match=message):
        load_built_in(ffmpeg).predict(rows)  # type: ignore[arg-type]


def test_an_unknown_id_is_an_error_with_the_known_ones(ffmpeg: FFmpeg) -> None:
    with pytest.raises(TeacherError, match=r"unknown teacher 'vmaf'\n  hint: known: vmaf_v0\.6\.1, "):
        load_built_in(ffmpeg, "vmaf")


@pytest.mark.parametrize("device", ["a.json", "/dev/zero"])
def test_a_pipe_and_a_device_are_no_teacher(device: str, tmp_path: Path) -> None:
    """Reading them waits for ever, or fills the memory."""
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(TeacherError, match="not a regular file"):
        load_json(tmp_path / device)


def test_a_teacher_that_this_libvmaf_lacks_names_both_hashes(old_ffmpeg: FFmpeg) -> None:
    name = "vmaf_v1.0.16_3d0h"
    with pytest.raises(TeacherError, match=f"expected sha256 {KNOWN[name]}; .* has {KNOWN[DEFAULT]}"):
        load_built_in(old_ffmpeg, name)


def test_an_executable_without_models_says_so(tmp_path: Path) -> None:
    (tmp_path / "ffmpeg").write_bytes(b"\x7fELF" + bytes(4096))
    with pytest.raises(TeacherError, match=r"no model(.|\n)*--teacher-json"):
        load_built_in(FFmpeg(tmp_path / "ffmpeg", "--ffmpeg", "1"))


def test_a_model_cut_short_in_the_executable_is_not_taken(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    text = load_built_in(ffmpeg).json
    (tmp_path / "ffmpeg").write_bytes(text[:5000])
    with pytest.raises(TeacherError, match="no model"):
        load_built_in(FFmpeg(tmp_path / "ffmpeg", "--ffmpeg", "1"))


def test_a_json_file_is_known_by_its_hash(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    teacher = load_built_in(ffmpeg)
    path = tmp_path / "any name.json"
    path.write_bytes(teacher.json)
    assert load_json(path).id == DEFAULT


def test_a_changed_json_file_is_refused_with_both_hashes(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = tmp_path / f"{DEFAULT}.json"
    path.write_bytes(load_built_in(ffmpeg).json.replace(b"-1.33133", b"-1.33134"))
    with pytest.raises(TeacherError, match=f"sha256 is [0-9a-f]{{64}}; {DEFAULT} is {KNOWN[DEFAULT]}"):
        load_json(path)
    with pytest.raises(TeacherError, match=r"sha256 is [0-9a-f]{64}, expected abcd"):
        load_json(path, expected_sha256="abcd")


def test_your_own_model_is_accepted_with_its_hash(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(load_built_in(ffmpeg).json + b"\n")
    with pytest.raises(TeacherError, match=r"(.|\n)*--teacher-sha256"):
        load_json(path)
    with pytest.raises(TeacherError) as caught:
        load_json(path, expected_sha256="0" * 64)
    actual = caught.value.message.split("sha256 is ")[1][:64]
    assert load_json(path, expected_sha256=actual).id == "mine"


def test_a_missing_json_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="No such file"):
        load_json(tmp_path / "none.json")


def model(**changes: object) -> bytes:
    base = {
        "model": "svm_type nu_svr\nkernel_type rbf\ngamma 0.1\ntotal_sv 1\nrho 0\nSV\n1 2:1\n",
        "norm_type": "linear_rescale",
        "slopes": [1.0, 1.0, 1.0],
        "intercepts": [0.0, 0.0, 0.0],
        "feature_names": ["VMAF_integer_feature_adm2_score", "VMAF_integer_feature_motion2_score"],
    }
    return json.dumps({"model_dict": base | changes}).encode()


def test_libsvm_leaves_zeros_out() -> None:
    assert parse(model(), "m").svr.support_vectors.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b'{"model_dict": 3}',
        model(norm_type="none"),
        model(model="x"),
        model(feature_names=["a", "b"]),
        model(model="svm_type nu_svr\nkernel_type linear\ntotal_sv 1\nrho 0\nSV\n1 1:1\n"),
        model(model="svm_type nu_svr\nkernel_type rbf\ngamma 0.1\ntotal_sv 2\nrho 0\nSV\n1 2:1\n"),
        model(score_transform={"enabled": True, "knots": [[0, 0], [1, 1]]}),
        model(chroma_correction_parameter=3.0),
        model(feature_opts_dicts=[{}]),
        model(feature_opts_dicts=[{"adm_unheard_of": 1}, {}]),
    ],
)
def test_a_malformed_model_is_an_error(raw: bytes) -> None:
    with pytest.raises(TeacherError):
        parse(raw, "m")


@given(st.floats(-50, 150))
def test_a_transform_respects_its_limits(y: float) -> None:
    phone = ScoreTransform(1.70674692, 1.72643844, -0.00705305, at_least_input=True, at_most_input=False)
    assert phone(np.array([y]))[0] >= y
    assert ScoreTransform(5.0, 1.0, 0.0, at_least_input=False, at_most_input=True)(np.array([y]))[0] <= y


def test_what_libvmaf_carries_beside_the_teachers_can_be_given_as_a_file(
    ffmpeg: FFmpeg, encode: Encode, tmp_path: Path
) -> None:
    """Its models for high frame rates and of float features: features have names, and scores are libvmaf's."""
    status = ffmpeg.path.stat()
    carried = _model_texts(ffmpeg.path, status.st_size, status.st_mtime_ns)
    others = {key: text for key, text in carried.items() if key not in KNOWN.values()}
    assert len(others) >= 4, "libvmaf carries other models than it did"
    teachers = []
    for key, text in others.items():
        path = tmp_path / f"own_{key[:8]}.json"
        path.write_bytes(text)
        teachers.append(load_json(path, expected_sha256=key))
        assert all(named(one.name) == one for one in teachers[-1].features)
        Domain(teachers[-1].features)
    run = [one for one in teachers if not one.bootstrap]
    assert any("mffw" in name for one in run for name in one.feature_names)
    reference = encode("ref.y4m", size="1280x720", frames=3)
    distorted = encode("dis.mkv", "-c:v", "libx264", "-crf", "40", size="1280x720", frames=3)
    table = score_pair(reference, distorted, models=[one.model() for one in run], ffmpeg=ffmpeg)
    for one in run:
        assert one.predict(table.features(one.feature_names)) == pytest.approx(table.column(one.id), abs=1e-5), one.id


def test_options_become_suffixes_in_the_order_of_their_full_names() -> None:
    options = {"adm_ref_display_height": 2160, "adm_norm_view_dist": 1.5, "adm_noise_weight": 0.02}
    feature = resolve("VMAF_integer_feature_adm3_score", options)
    assert (feature.column, feature.name) == ("integer_adm3_nw_0.02_nvd_1.5_rdh_2160", "adm3_nw_0.02_nvd_1.5_rdh_2160")
    assert resolve("VMAF_feature_adm2_score", {}).name == "float_adm2"


@pytest.mark.parametrize("teacher_id", ["vmaf_v0.6.1", "vmaf_v0.6.1neg", "vmaf_4k_v0.6.1", "vmaf_v1.0.16_3d0h"])
def test_scores_with_gradient_are_those_of_predict_and_their_slopes(teacher_id: str, ffmpeg: FFmpeg) -> None:
    """Slopes are those of finite differences, and 0 where the score is clipped."""
    teacher = load_built_in(ffmpeg, teacher_id)
    svr, domain = replace(teacher.svr, chroma=None), Domain(teacher.features)
    rows, step = domain.sample(3000, 0), 1e-5 * domain.bounds()[1]
    scores, slopes = svr.with_gradient(rows)
    assert np.abs(scores - svr.predict(rows)).max() < 1e-8
    at_an_end = np.isin(scores, svr.score_range)
    assert at_an_end.any()
    assert (slopes[at_an_end] == 0.0).all()
    for column, there in enumerate(np.diag(step)):
        expected = (svr.predict(rows + there) - svr.predict(rows - there)) / (2.0 * step[column])
        off = np.abs(slopes[:, column] - expected)[~at_an_end & (scores > 0.1) & (scores < 99.9)]
        assert len(off) > 300
        assert np.median(off) < 1e-4
        assert np.quantile(off, 0.99) < 1e-2 * (1.0 + np.abs(expected).max())
