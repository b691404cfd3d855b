"""Opinions are read exactly, or refused with the number of the wrong line."""

from pathlib import Path

import pytest

from tinyvmaf.data.opinions import read_opinions
from tinyvmaf.errors import TinyvmafError


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "mos.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order-mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_opinions_without_intervals_weigh_the_same(mark: bytes, end: bytes, tmp_path: Path) -> None:
    """Spreadsheets write a byte order mark, which must not become part of the first column's name."""
    path = write(tmp_path, mark + end.join([b"clip,mos", b"a_1_2_3,4.5", b"b_1_2_3,-1e1"]) + end)
    assert read_opinions(path) == {"a_1_2_3": (4.5, 1.0), "b_1_2_3": (-10.0, 1.0)}


def test_an_opinion_weighs_by_the_inverse_square_of_its_interval(tmp_path: Path) -> None:
    """1 / 1^2 and 1 / 2^2, not normalised: a fit scales the weights of its own opinions to a mean of 1."""
    found = read_opinions(write(tmp_path, "clip,mos,ci\na,50,1\nb,60,2\n"))
    assert found == {"a": (50.0, 1.0), "b": (60.0, 0.25)}


def test_columns_may_be_in_any_order_with_others(tmp_path: Path) -> None:
    found = read_opinions(write(tmp_path, "who,ci,mos,clip\nme,2,50,a\nyou,2,60,b\n"))
    assert found == {"a": (50.0, 0.25), "b": (60.0, 0.25)}


@pytest.mark.parametrize("header", ["clip,score", "mos", "", "clip;mos", "Clip,MOS"])
def test_a_missing_column_is_refused_with_the_columns_found(header: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"{header}\na,1\n")
    with pytest.raises(TinyvmafError, match=rf"{path}: columns .*\n  hint: the first line must be clip,mos\[,ci\]"):
        read_opinions(path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("b,good", "could not convert string to float: 'good'"),
        ("b,", "could not convert string to float: ''"),
        ("b", "float.. argument must be"),
        ("b,nan,1", "mos nan, ci 1.0: both must be finite, and ci above 0"),
        ("b,-1e200,1", "mos -1e.200, ci 1.0: both must be finite, and ci above 0"),
        ("b,inf,1", "mos inf, ci 1.0: both must be finite, and ci above 0"),
        ("b,3,0", "mos 3.0, ci 0.0: both must be finite, and ci above 0"),
        ("b,3,-1", "mos 3.0, ci -1.0: both must be finite, and ci above 0"),
        ("b,3,nan", "mos 3.0, ci nan: both must be finite, and ci above 0"),
        ("b,3,inf", "mos 3.0, ci inf: both must be finite, and ci above 0"),
        ("b,3,1e-200", "mos 3.0, ci 1e-200: both must be finite, and ci above 0"),
        ("b,3,1e200", "mos 3.0, ci 1e.200: both must be finite, and ci above 0"),
        ("b,3,wide", "could not convert string to float: 'wide'"),
        ("b,3,", "could not convert string to float: ''"),
        ("a,3,1", "clip 'a' appears twice"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(line: str, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"clip,mos,ci\na,1,1\n{line}\n")
    with pytest.raises(TinyvmafError, match=rf"{path}, line 3: {reason}"):
        read_opinions(path)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    """Blank lines and the second line of a two-line note count too."""
    path = write(tmp_path, 'clip,mos,note\n\na,1,"first\nsecond"\n\nb,good,\n')
    with pytest.raises(TinyvmafError, match=rf"{path}, line 6: "):
        read_opinions(path)


@pytest.mark.parametrize("text", ["clip,mos\n", "clip,mos", "clip,mos\n\n\n"])
def test_a_file_without_an_opinion_is_refused(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(TinyvmafError, match=f"{path}: no opinions"):
        read_opinions(path)


def test_an_unreadable_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(TinyvmafError, match=r"none\.csv: .*No such file"):
        read_opinions(tmp_path / "none.csv")
    with pytest.raises(TinyvmafError, match=r"mos\.csv: .*codec can't decode"):
        read_opinions(write(tmp_path, b"clip,mos\n\xff\xfe,1\n"))
    with pytest.raises(TinyvmafError, match=r"mos\.csv: .*line contains NUL|mos\.csv, line 2: "):
        read_opinions(write(tmp_path, b"clip,mos\na,\x00\n"))
