"""What a run of pytest was asked for: which suites, and whether all of their tests."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from tinyvmaf.judge.properties import suite_of

SUITES = "suites"
"""The folder of the suites, in a checkout."""


@dataclass(frozen=True)
class Asked:
    """The arguments that name suites, or tests of them."""

    parts: tuple[str, ...]
    """Beginnings of node ids: `suites`, `suites/golden`, `suites/golden/test_models.py::test_x`."""
    alone: bool
    """Whether nothing else was asked for."""

    @classmethod
    def of(cls, config: pytest.Config) -> "Asked":
        """What a run was asked for."""
        root, typed_in = config.rootpath.resolve(), config.invocation_params.dir
        found, others = [], 0
        for argument in map(str, config.args):
            name, _, rest = argument.partition("::")
            path = (typed_in / name).resolve()
            if root / SUITES in (path, *path.parents):
                found.append(path.relative_to(root).as_posix() + (f"::{rest}" if rest else ""))
                continue
            others += 1
            if path in (root / SUITES).parents:
                found.append(SUITES)
        return cls(tuple(found), alone=not others)

    def __bool__(self) -> bool:
        return bool(self.parts)

    def suites(self, known: Iterable[str]) -> list[str]:
        """Those of the known suites from which tests were asked for."""
        named = {suite_of(part) for part in self.parts if part != SUITES}
        return [name for name in known if SUITES in self.parts or name in named]

    @property
    def chosen(self) -> list[str]:
        """The arguments that name less than a suite."""
        return [part for part in self.parts if part.count("/") > 1 and not self._around(part)]

    def _around(self, part: str) -> bool:
        """Whether another argument asks for the whole suite of a part."""
        return SUITES in self.parts or f"{SUITES}/{suite_of(part)}" in self.parts
