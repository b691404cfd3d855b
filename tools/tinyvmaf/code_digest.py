"""A digest of code, by which a record tells whether it was made by the code that is here."""

import ast
import json
from collections.abc import Iterable
from pathlib import Path

from tinyvmaf.files import sha256


def code_digest(modules: Iterable[str], package: Path) -> str:
    """One sha256 of modules, named by their paths in a package. Comments, docstrings and layout do not count."""
    told = {name: _told(package / name) for name in modules}
    return sha256(json.dumps(told, sort_keys=True).encode())


def _told(path: Path) -> str:
    return sha256(words(ast.parse(path.read_text(encoding="utf-8"))).encode())


def words(node: object) -> str:
    """A syntax tree as text, the same in each version of Python: `ast.dump` is not."""
    if isinstance(node, list):
        return f"[{','.join(map(words, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
    if isinstance(node, ast.Constant):
        fields = {"value": node.value}
    if "body" in fields and isinstance(fields["body"], list):
        fields["body"] = [one for one in fields["body"] if not _is_docstring(one)]
    return f"{type(node).__name__}({','.join(f'{name}={words(value)}' for name, value in fields.items())})"


def _is_docstring(node: ast.AST) -> bool:
    """Text that stands alone, wherever: nothing is done with it."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
