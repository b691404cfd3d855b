"""What other packages add through entry points: kinds of models, engines. Ours come from a table."""

import functools
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Any

from tinyvmaf.errors import CouldNotRunError


def extensions(
    group: str, ours: Mapping[str, str], fault_of: Callable[[str, Any], str] | None = None
) -> dict[str, Any]:
    """Our objects and those of other packages, by name; ours first.

    Args:
        group: of entry points, as `tinyvmaf.kinds`.
        ours: `module:attribute` by name.
        fault_of: what is wrong with an object of another package, by its name and itself; empty if nothing is.

    Raises:
        CouldNotRunError: an entry point does not load or has a fault, or two packages use one name.
    """
    found = {name: _load(target) for name, target in ours.items()}
    by = dict.fromkeys(ours, "tinyvmaf")
    for point in _points(group, tuple(sys.path)):
        package = point.dist.name if point.dist else "an unknown package"
        if package == "tinyvmaf":
            continue
        if point.name in found:
            raise CouldNotRunError(
                f"{package} and {by[point.name]} both bring {point.name!r} in group {group}",
                hint=f"pip uninstall {package}, or rename its entry point",
            )
        where, hint = f"{package}: entry point {point.name!r} of group {group}", f"repair or pip uninstall {package}"
        try:
            found[point.name], by[point.name] = point.load(), package
            fault = fault_of(point.name, found[point.name]) if fault_of else ""
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # of code that is not ours, which may also exit
            raise CouldNotRunError(f"{where} does not load: {error!r}", hint=hint) from error
        if fault:
            raise CouldNotRunError(f"{where}: {fault}", hint=hint)
    return found


@functools.cache  # reading the metadata of every package takes 10 ms, and a run of the gate asks 100 times
def _points(group: str, path: tuple[str, ...]) -> EntryPoints:
    """The entry points of a group in the packages on `sys.path`."""
    del path
    return entry_points(group=group)


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
