"""Colours that are told apart on paper, on screens and by the colour-blind; and small PNG files."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

AREA = "#eef1f5"
SAMPLES = "#a9b6c6"
CORPUS = "#1f6fb4"
GOLDEN = "#d9480f"
MANY_COLOURS = 160


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG with few colours: dots need no more, and the file is a third."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", facecolor="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGB").quantize(MANY_COLOURS).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size} bytes")
