"""The seven wings, their rooms, and which wing imports which: python architecture.py [--out FILE].

Drawn from the code, so that the picture is the house as it stands. Needs matplotlib (extra `plots`).
"""

import argparse
import ast
import sys
from collections import Counter
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from tinyvmaf.files import home

WINGS = ("vmaf", "data", "model", "train", "measure", "judge", "app")
PACKAGE = Path(__file__).parents[1] / "tinyvmaf"
COLOURS = ("#1f6fb4", "#2b8a3e", "#d9480f", "#862e9c", "#0b7285", "#a61e4d", "#5c3d00")


def rooms(wing: str) -> list[str]:
    """The rooms of a wing: its modules and packages."""
    paths = (path for path in (PACKAGE / wing).iterdir() if path.name not in ("__init__.py", "__pycache__"))
    return sorted(path.stem for path in paths if path.suffix == ".py" or path.is_dir())


def arrows() -> Counter[tuple[str, str]]:
    """How many modules of one wing import from another."""
    found: Counter[tuple[str, str]] = Counter()
    for wing in WINGS:
        for path in (PACKAGE / wing).rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            modules = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
            targets = {module.split(".")[1] for module in modules if module.startswith("tinyvmaf.")}
            found.update((wing, target) for target in targets if target in WINGS and target != wing)
    return found


def draw(path: Path) -> None:
    """Write the picture as SVG: a band for each wing, and beside them an arrow for each pair of wings."""
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tinyvmaf", "font.size": 9})
    figure, axes = plt.subplots(figsize=(10, 6.2))
    axes.set(xlim=(0, 100), ylim=(len(WINGS), 0))
    axes.axis("off")
    for level, (wing, colour) in enumerate(zip(WINGS, COLOURS, strict=True)):
        axes.add_patch(Rectangle((0, level + 0.06), 71, 0.88, facecolor=colour, alpha=0.12, edgecolor=colour))
        axes.text(1.5, level + 0.5, wing, color=colour, weight="bold", size=12, va="center")
        names, lines = rooms(wing), [""]
        for name in names:
            if len(lines[-1]) + len(name) > 58:
                lines.append("")
            lines[-1] += f"{'' if not lines[-1] else '   '}{name}"
        axes.text(14, level + 0.5, "\n".join(lines), va="center", linespacing=1.6)
    for (low, high), count in arrows().items():  # side by side, in the colour of the wing that imports; wide is many
        start, end = WINGS.index(low), WINGS.index(high)
        x = 69.6 + 4.4 * start + 2.8 * end / len(WINGS)
        axes.annotate(
            "",
            xy=(x - 1.4 + 2.8 * end / len(WINGS), end + 0.5),
            xytext=(x - 1.4 + 2.8 * end / len(WINGS), start + 0.5),
            arrowprops={"arrowstyle": "->", "color": COLOURS[start], "linewidth": 0.6 + min(count, 30) / 12},
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    print(f"{path}: {path.stat().st_size} bytes")


def main() -> int:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=home() / "docs" / "images" / "architecture.svg", metavar="FILE")
    draw(parser.parse_args().out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
