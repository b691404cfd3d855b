"""Texts and numbers for people. Texts may come from strangers' files: they are made harmless first."""

import math
import re
from collections.abc import Iterable
from typing import Any, Final, TypeGuard

DASH: Final = "–"

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_UNSEEN: Final = (
    *range(0x80, 0xA0),
    *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),  # they reorder the text around them
    *range(0xD800, 0xE000),
    *(0xFFFE, 0xFFFF),
)
_VISIBLE: Final = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(_UNSEEN, 0xFFFD),
}
_PLAIN_FROM, _PLAIN_TO = 1e-4, 1e6


def clean(text: object) -> str:
    """A text that a page can show: without a terminal's colours, and with signs for control characters."""
    return _ANSI.sub("", str(text).replace("\r\n", "\n")).translate(_VISIBLE)


def line(text: object, most: int = 200) -> str:
    """A text as one line, shortened."""
    whole = " ".join(clean(text).split())
    return whole if len(whole) <= most else whole[: most - 1].rstrip() + "…"


def first_line(text: object, most: int = 200) -> str:
    """The first line that is not empty, shortened."""
    return next((line(one, most) for one in clean(text).splitlines() if one.strip()), "(no text)")


def number(value: Any, digits: int = 4) -> str:
    """A number with so many significant digits; a dash if there is none."""
    if not finite(value):
        return DASH
    size = abs(value)
    if value == int(value) and size < _PLAIN_TO:
        return f"{int(value):,}".replace("-", "−")
    if _PLAIN_FROM <= size < _PLAIN_TO:
        places = max(digits - 1 - math.floor(math.log10(size)), 0)
        plain = f"{value:,.{places}f}"
        return (plain.rstrip("0").rstrip(".") if places else plain).replace("-", "−")
    return f"{value:.{digits - 1}e}".replace("-", "−")


def finite(value: Any) -> TypeGuard[float]:
    """Whether a value of a record is a number that can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def finite_values(values: Iterable[Any]) -> list[float]:
    """The numbers among values."""
    return [float(value) for value in values if finite(value)]


def one_minus(value: Any) -> str:
    """A correlation; one that is almost 1 is shown as its distance from 1."""
    near = finite(value) and 0 < 1 - value < 0.01
    return f"1 − {1 - value:.1e}".replace("e-", "e−") if near else number(value)


def duration(seconds: float) -> str:
    """Seconds as `4.2 s` or `3 min 07 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02} s"


def counted(n: int, one: str, many: str | None = None) -> str:
    """`1 model`, `2 models`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
