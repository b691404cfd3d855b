"""Colours of every chart: on paper, on screens, and told apart by the colour-blind."""

from typing import Final

SOURCES: Final = (
    "#1f6fb4",
    "#d9480f",
    "#117733",
    "#c2559d",
    "#a87900",
    "#2f9bd6",
    "#332288",
    "#882255",
    "#2f8f7f",
    "#6b7280",
    "#84842a",
    "#8a3fa0",
)
"""Colours that the colour-blind tell apart, by Okabe and Tol: one for each source, then from the start again."""
INK: Final = {
    "text": "#1a2330",
    "mute": "#566274",
    "grid": "#e6eaef",
    "surface": "#ffffff",
    "bound": "#c2410c",
    "pass": "#14713f",
    "fail": "#b3261e",
    "unsure": "#835400",
}
"""The other colours by name."""
