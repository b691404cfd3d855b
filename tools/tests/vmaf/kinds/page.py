"""Writes the tables of docs/scoring.md: `PYTHONPATH=tools python -m tests.vmaf.kinds.page` from the checkout."""

import re
from pathlib import Path

from tinyvmaf.files import home

from .kind import Kind, Table, read_table

BAR = r"\|"
"""A bar in a cell of a table."""
PAGE = home() / "docs" / "scoring.md"
_TABLES = re.compile(r"(<!-- (refused|scored): .*? -->\n).*?(<!-- end -->\n)", re.DOTALL)


def refused(table: Table) -> str:
    """By chapter, a row for each reason: the inputs, why, and what to type."""
    text = []
    for title, kinds in table.chapters.values():
        reasons = [kind for kind in kinds if kind.why]
        if not reasons:
            continue
        text += [f"\n### {title}\n", "| input | why it is refused | what to type |", "|---|---|---|"]
        for kind in reasons:
            alike = [kind, *(other for other in table.kinds if other.like == kind.id)]
            cells = ("; ".join(map(shown, alike)), kind.why, kind.instead)
            text.append(f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |")
    return "\n".join(text) + "\n\n"


def scored(table: Table) -> str:
    """By chapter, a row for each kind that has a score."""
    text = ["\n| input | options | VMAF |", "|---|---|---|"]
    for title, kinds in table.chapters.values():
        text += [f"| **{title}** | | |"] if any(kind.bare for kind in kinds) else []
        for kind in kinds:
            options = f"`{kind.options}`" if kind.options else ""
            text += [f"| {shown(kind)} | {options} | {kind.score:.6f} |"] if kind.bare else []
    return "\n".join(text) + "\n\n"


def shown(kind: Kind) -> str:
    """What a kind is, with what is known to be wrong."""
    return kind.what + (f" (not yet: {kind.xfail})" if kind.xfail else "")


def renewed(page: str, table: Table) -> str:
    """The page with the tables that belong to it."""
    makers = {"refused": refused, "scored": scored}
    return _TABLES.sub(lambda found: found[1] + makers[found[2]](table) + found[3], page)


def main(path: Path = PAGE) -> None:
    path.write_text(renewed(path.read_text(encoding="utf-8"), read_table()), encoding="utf-8")


if __name__ == "__main__":
    main()
