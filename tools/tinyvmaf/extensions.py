"""What other packages add through entry points: kinds of models, engines. Ours come from a table."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from tinyvmaf.errors import CouldNotRunError


def extensions(group: str, ours: Mapping[str, str]) -> dict[str, Any]:
    """Our objects and those of other packages, by name; ours first.

    Args:
        group: of entry points, as `tinyvmaf.kinds`.
        ours: `module:attribute` by name.

    Raises:
        CouldNotRunError: an entry point does not load, or two packages use one name.
    """
    found = {name: _load(target) for name, target in ours.items()}
    by = dict.fromkeys(ours, "tinyvmaf")
    for point in entry_points(group=group):
        package = point.dist.name if point.dist else "an unknown package"
        if package == "tinyvmaf":
            continue
        if point.name in found:
            raise CouldNotRunError(
                f"{package} and {by[point.name]} both bring {point.name!r} in group {group}",
                hint=f"pip uninstall {package}, or rename its entry point",
            )
        try:
            found[point.name], by[point.name] = point.load(), package
        except Exception as error:  # of code that is not ours
            raise CouldNotRunError(
                f"{package}: entry point {point.name!r} of group {group} does not load: {error!r}",
                hint=f"repair the package, or pip uninstall {package}",
            ) from error
    return found


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
