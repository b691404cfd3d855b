"""A small package of somebody else that brings a kind of model, as pip would install it."""

from pathlib import Path

CODE = """
from dataclasses import replace

from tinyvmaf.judge.kinds.regressor import REGRESSOR

PICTURES = replace(
    REGRESSOR,
    name={name!r},
    summary="a model of somebody else",
    asked={asked!r},
    asked_of_strangers={asked!r},
)
"""


def install(
    folder: Path,
    asked: tuple[str, ...] = ("contract.the_*",),
    name: str = "pictures",
    target: str = "PICTURES",
    code: str = "",
) -> Path:
    """Write the package and its metadata; gives the folder that belongs on `sys.path`."""
    (folder / "their_package").mkdir(parents=True)
    (folder / "their_package" / "__init__.py").write_text(code or CODE.format(asked=asked, name=name), encoding="utf-8")
    metadata = folder / "their_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[tinyvmaf.kinds]\n{name} = their_package:{target}\n", encoding="utf-8")
    return folder
