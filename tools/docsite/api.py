"""The reference of the Python API: signatures and docstrings of what the wings offer, read without an import."""

import ast
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from tinyvmaf.files import home

from .pages import fenced
from .text import prose

WINGS: Final = ("vmaf", "data", "model", "train", "measure", "judge")
"""The wings that have an API; `app` is the command line and the MCP server."""
_PACKAGE: Final = home() / "tools" / "tinyvmaf"
_INTRODUCTION: Final = """\
# Python

Made from the docstrings when this site was built. A room of the package is a module to import from:
`from tinyvmaf.vmaf.libvmaf import score_pair`. [Architecture](/architecture.md) shows the way through the wings.
Names may still change until version 1.
"""
_Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


def pages() -> dict[str, str]:
    """A page for each wing, by its place, and one that lists them."""
    found = {f"reference/python/{wing}": _wing(wing) for wing in WINGS}
    lines = [
        f"- [tinyvmaf.{wing}](/{place}.md): {_docstring(_parsed(_PACKAGE / wing / '__init__.py'))}"
        for wing, place in zip(WINGS, found, strict=True)
    ]
    tree = "\n".join(["```{toctree}", ":hidden:", "", *(f"/{place}" for place in found), "```"])
    return {"reference/python": "\n".join([_INTRODUCTION, *lines, "", tree, ""]), **found}


def rooms(wing: str) -> dict[str, Path]:
    """The rooms of a wing: modules, and packages by their `__init__.py`."""
    found = {}
    for path in sorted((_PACKAGE / wing).iterdir()):
        if path.suffix == ".py" and not path.stem.startswith("_"):
            found[f"tinyvmaf.{wing}.{path.stem}"] = path
        elif (path / "__init__.py").is_file():
            found[f"tinyvmaf.{wing}.{path.name}"] = path / "__init__.py"
    return found


def offered(room: Path) -> Iterator[tuple[str, _Definition, str]]:
    """The public names of a room: name, definition, and the docstring of a value. Not those of another room."""
    tree = _parsed(room)
    named = next(
        (
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "__all__"
        ),
        None,
    )
    own = _definitions(tree)
    if named is None:
        yield from ((name, *found) for name, found in own.items() if not name.startswith("_") and _documented(*found))
        return
    for name in named:
        if name in own:
            yield name, *own[name]
            continue
        for node in tree.body:
            if not isinstance(node, ast.ImportFrom) or name not in {alias.asname or alias.name for alias in node.names}:
                continue
            if str(node.module).startswith(_dotted(room)):
                path = _PACKAGE.parent / str(node.module).replace(".", "/")
                path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
                yield name, *_definitions(_parsed(path))[name]


def _wing(wing: str) -> str:
    parts = [f"# tinyvmaf.{wing}\n", _docstring(_parsed(_PACKAGE / wing / "__init__.py")) + "\n"]
    for room, path in rooms(wing).items():
        names = list(offered(path))
        if names:
            parts += [f"## {room.rpartition('.')[2]}\n", f"`{room}`\n", _markdown(_docstring(_parsed(path))), ""]
            parts += [_entry(name, node, about) for name, node, about in names]
    return "\n".join(parts)


def _entry(name: str, node: _Definition, about: str) -> str:
    match node:
        case ast.FunctionDef():
            return f"### `{name}`\n\n{_code(f'def {name}{_signature(node)}')}\n{_markdown(_docstring(node))}\n"
        case ast.ClassDef():
            return f"### `{name}`\n\n{_class(name, node)}"
        case ast.AnnAssign() | ast.Assign():
            return f"### `{name}`\n\n{_markdown(about)}\n"


def _class(name: str, node: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    parts = [_code(f"class {name}({bases})" if bases else f"class {name}"), _markdown(_docstring(node)), ""]
    for one, (definition, about) in _definitions(node).items():
        if one.startswith("_") or not _documented(definition, about):
            continue
        match definition:
            case ast.FunctionDef() if any(ast.unparse(by).endswith("property") for by in definition.decorator_list):
                parts.append(
                    _item(
                        f"{one} -> {ast.unparse(definition.returns)}" if definition.returns else one,
                        _docstring(definition),
                    )
                )
            case ast.FunctionDef():
                parts.append(_item(f"{one}{_signature(definition)}", _docstring(definition)))
            case ast.AnnAssign():
                parts.append(_item(f"{one}: {ast.unparse(definition.annotation)}", about))
            case _:
                pass
    if len(parts) > 3:
        parts.insert(3, "**Members:**\n")
    return "\n".join([*parts, ""])


def _item(signature: str, text: str) -> str:
    return f"- `{signature}`\n\n{textwrap.indent(_markdown(text), '  ')}\n"


def _code(signature: str) -> str:
    return fenced(signature, "python")


def _signature(node: ast.FunctionDef) -> str:
    arguments = ast.unparse(node.args)
    for own in ("self", "cls"):
        arguments = arguments.removeprefix(own).removeprefix(", ") if arguments.split(",")[0] == own else arguments
    return f"({arguments})" + (f" -> {ast.unparse(node.returns)}" if node.returns else "")


def _markdown(text: str) -> str:
    """A docstring: paragraphs as they are; `Args:`, `Returns:` and `Raises:` with a line for each entry."""
    parts = list[str]()
    for paragraph in text.split("\n\n"):
        head, _, rest = paragraph.partition("\n")
        if head in ("Args:", "Returns:", "Yields:", "Raises:"):
            entries = textwrap.dedent(rest).replace("\n    ", " ").splitlines()
            parts.append(f"**{head}**\n\n" + "\n".join(f"- {prose(entry)}" for entry in entries))
        elif paragraph.startswith("    "):
            parts.append(f"```text\n{textwrap.dedent(paragraph)}\n```")
        else:
            parts.append(prose(paragraph))
    return "\n\n".join(parts)


def _documented(node: _Definition, about: str) -> bool:
    return bool(_docstring(node) if isinstance(node, ast.FunctionDef | ast.ClassDef) else about) or isinstance(
        node, ast.AnnAssign
    )


@cache
def _definitions(tree: ast.Module | ast.ClassDef) -> dict[str, tuple[_Definition, str]]:
    """What is defined here, and the string after it, by name."""
    found = dict[str, tuple[_Definition, str]]()
    after = [*tree.body[1:], None]
    for node, following in zip(tree.body, after, strict=True):
        text = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = textwrap.dedent(str(following.value.value)).strip()
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node, ""
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = node, text
            case _:
                pass
    return found


def _docstring(node: ast.AST) -> str:
    return ast.get_docstring(node) or "" if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else ""


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _dotted(room: Path) -> str:
    return room.parent.relative_to(_PACKAGE.parent).as_posix().replace("/", ".")
