"""Where public sets have their clips, sources and tests."""

import pytest

from tinyvmaf.data.imported import read_layouts
from tinyvmaf.data.imported.layouts import pick, place_of_clip, place_of_log
from tinyvmaf.errors import TinyvmafError

UHD1 = "water_netflix_8s_97kbps_360p_59.94fps_h264"


@pytest.mark.parametrize(
    ("path", "layout", "key", "source"),
    [
        (f"/db/test_2/vmaf_reports/{UHD1}_vmaf.json", "avt-vqdb-uhd-1", f"2/{UHD1}", "water_netflix"),
        ("/db/metrics/vmaf/daydreamer_dcvcrt_640x360_q34.vmaf.json.gz", "avt-vqdb-uhd-1-nvc", None, "daydreamer"),
        ("/db/metrics/vmaf/daydreamer_av1_640x360_q54.dove.vmaf.json", "avt-vqdb-uhd-1-vsr", None, "daydreamer"),
        ("/db/vmaf_scores/SpaceNasa_1000k_1080_av1.json", "avt-vqdb-uhd-1-appeal", None, "SpaceNasa"),
        ("/db/vmaf_scores/SpaceNasa_1080p_1000k.266.json", "avt-vqdb-uhd-1-appeal", None, "SpaceNasa"),
        ("/db/vmaf_scores/1280_720_500K_av1_Center_Panorama.json", "avt-vqdb-uhd-1-hdr", None, "Center_Panorama"),
        ("/x/ACrossing_1920x1088_60fps_10bit_420_qp37.xml", "bvi-dvc", None, "ACrossing"),
        ("/x/Tennis_20_1080_2000.csv", "netflix-public", None, "Tennis"),
        ("/x/My_Clip__x264_crf30.json", "double-underscore", None, "My_Clip"),
        ("/x/3015480314.json", "konvid-1k", None, "3015480314"),
        ("/x/yfcc-batch12_1234.csv", "lsvq", None, "yfcc-batch12_1234"),
        ("/x/tears_of_steel-x265-crf28.mkv_vmaf.json", "guess", "tears_of_steel-x265-crf28", "tears_of_steel"),
        ("/x/park_joy_1080p50_2000kbps_hevc.json.zst", "guess", None, "park_joy"),
        ("/x/sea__crf30/vmaf.json", "double-underscore", "sea__crf30", "sea"),
        ("/x/sea__crf40.mp4/vmaf_log.json.gz", "double-underscore", "sea__crf40", "sea"),
        ("/x/whatever.json", "guess", "whatever", "whatever"),
    ],
)
def test_the_name_of_a_log_tells_clip_source_and_test(path: str, layout: str, key: str | None, source: str) -> None:
    place = place_of_log(path, read_layouts())
    assert (place.layout.name, place.canonical) == (layout, source)
    if key is not None:
        assert place.key == key


def test_one_clip_has_one_plain_name_in_logs_and_opinions() -> None:
    appeal = next(layout for layout in read_layouts() if layout.name.endswith("appeal"))
    names = {appeal.plain_name(name) for name in ("SpaceNasa_1080p_1000k.266", "SpaceNasa.mkv_1080p_1000k_vvc.mkv")}
    assert names == {"SpaceNasa_1080p_1000k_vvc"}


def test_a_layout_is_picked_by_name_and_an_unknown_one_lists_the_known() -> None:
    (only,) = pick(read_layouts(), "lsvq")
    assert place_of_clip("a__b", (only,)).layout.name == "guess"
    assert pick(read_layouts(), "guess") == ()
    with pytest.raises(TinyvmafError, match="unknown layout 'x'") as failure:
        pick(read_layouts(), "x")
    assert "lsvq, guess" in (failure.value.hint or "")
