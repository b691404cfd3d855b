"""A hash of each module as this process runs it.

A process may have loaded a file before it changed, and functions can be replaced in memory. So the hash covers the file
and the functions, classes and constants of the loaded module.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import tinyvmaf
from tinyvmaf.data.measured_with import module_file
from tinyvmaf.files import sha256

_PLAIN: Final = (bool, int, float, complex, str, bytes, type(None))
_package: Final = str(Path(tinyvmaf.__file__).parent)


def loaded_code(names: Sequence[str]) -> dict[str, str]:
    """By module: a hash of its file, and of its functions, classes and constants in memory.

    Two machines with the same minor version of Python and the same code have the same hashes.
    """
    hashes = {}
    for name in names:
        inside = repr(sorted(_members(vars(import_module(name)), name))).encode()
        hashes[name] = sha256(module_file(name).read_bytes() + b"\0" + inside)
    return hashes


def _members(members: Mapping[str, Any], module: str) -> list[tuple[str, str]]:
    found = []
    for name, value in members.items():
        constant = name.strip("_").isupper()
        if not isinstance(value, ModuleType) and not (name.startswith("__") and not callable(value)):
            found.append((name, repr(_described(value, module, constant))))
    return found


def _described(value: Any, module: str, constant: bool) -> object:
    """What tells a value from another of its name. Of data only constants count: others change while a program runs."""
    if isinstance(value, staticmethod | classmethod):
        return [type(value).__name__, _described(value.__func__, module, constant)]
    if isinstance(value, property):
        return ["property", *(_described(f, module, constant) for f in (value.fget, value.fset, value.fdel))]
    if isinstance(value, cached_property):
        return ["cached property", _described(value.func, module, constant)]
    if isinstance(value, FunctionType) and value.__module__ != module:
        return ["function of", value.__module__, value.__qualname__]
    if isinstance(value, FunctionType):
        own = value.__code__.co_filename.startswith(_package)
        code = _code(value.__code__) if own else [value.__code__.co_name]
        defaults = [_described(one, module, True) for one in value.__defaults__ or ()]
        more = sorted((name, repr(_described(one, module, True))) for name, one in (value.__kwdefaults__ or {}).items())
        inner = getattr(value, "__wrapped__", None)
        inside = None if inner is None else _described(inner, module, constant)
        return ["function", value.__qualname__, own, code, defaults, more, inside]
    if isinstance(value, type):
        named = f"{value.__module__}.{value.__qualname__}"
        return ["class", named, sorted(_members(vars(value), module)) if value.__module__ == module else []]
    if callable(getattr(value, "__wrapped__", None)):  # what `lru_cache` makes
        return [type(value).__name__, _described(value.__wrapped__, module, constant)]
    if constant and isinstance(value, _PLAIN):
        return value
    if constant and isinstance(value, tuple | frozenset | dict):
        rows = value.items() if isinstance(value, dict) else value
        inside = [repr(_described(one, module, True)) for one in rows]
        return [type(value).__name__, sorted(inside) if isinstance(value, frozenset) else inside]
    if constant and isinstance(value, re.Pattern):
        return ["pattern", value.pattern, value.flags]
    return type(value).__name__


def _code(code: CodeType) -> list[object]:
    """Instructions, names and constants of a function; not its lines, nor where its file lies."""
    inside = [_constant(one) for one in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_flags, inside]


def _constant(value: object) -> object:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return [_constant(one) for one in value]
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)
