"""The reference of the files that programs read and people write: their JSON schemas, from the types in the code."""

import json
from typing import Any, Final

from pydantic import BaseModel

from tinyvmaf.files import home
from tinyvmaf.judge import verdict
from tinyvmaf.judge.waivers import Waiver
from tinyvmaf.model.sidecar import Sidecar
from tinyvmaf.project import ProjectFile
from tinyvmaf.train.recipes import RecipeFile

from .pages import fenced
from .text import cell, table

_INTRODUCTION: Final = """\
# Files and their schemas

Made from the types in the code when this site was built. Each schema is JSON Schema 2020-12, also for files in TOML.
"""
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def _of(model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": _DRAFT, **model.model_json_schema(by_alias=True)}


def schemas() -> dict[str, tuple[str, dict[str, Any]]]:
    """A sentence and the schema of each file, by its name."""
    return {
        "verdict.json": ("What a run found: [reading the gates](/gates.md).", verdict.schema()),
        "sidecar": ("`MODEL.json` beside a registered model.", _of(Sidecar)),
        "recipe": ("A recipe (TOML): [training](/students.md).", _of(RecipeFile)),
        "project": ("`tinyvmaf.toml`, or the table `[tool.tinyvmaf]` of a pyproject.toml.", _of(ProjectFile)),
        "waiver": ("An entry of waivers.toml: [waivers](/gates.md#waivers).", _of(Waiver)),
    }


def page() -> str:
    """Fields of each file, and its schema; then the tools of the MCP server."""
    parts = [_INTRODUCTION]
    for name, (sentence, schema) in schemas().items():
        parts += [f"## {name}\n", sentence + "\n", _fields(schema), _whole(schema)]
    tools = json.loads((home() / "suites/mcp/schema.json").read_text(encoding="utf-8"))
    parts.append("## MCP tools\n\nInput and output of each tool: [the MCP server](/mcp.md).\n")
    for name, tool in tools.items():
        parts += [f"### {name}\n", cell(tool["description"]) + "\n", _fields(tool["inputSchema"]), _whole(tool)]
    return "\n".join(parts)


def _fields(schema: dict[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        [f"`{name}`", cell(_type(one)), "yes" if name in needed else "", cell(one.get("description", ""))]
        for name, one in schema.get("properties", {}).items()
    ]
    return table(["field", "type", "required", "what it is"], rows)


def _type(one: dict[str, Any]) -> str:
    """The type of a field in a few words."""
    if "$ref" in one:
        return f"`{one['$ref'].rpartition('/')[2]}`"
    if choices := one.get("anyOf"):
        return " or ".join(dict.fromkeys(map(_type, choices)))
    if "enum" in one or "const" in one:
        return " or ".join(f"`{json.dumps(value)}`" for value in one.get("enum", [one.get("const")]))
    inner = f" of {_type(one['items'])}" if isinstance(one.get("items"), dict) else ""
    return f"{one.get('type', 'any')}{inner}"


def _whole(schema: dict[str, Any]) -> str:
    return f"<details><summary>JSON schema</summary>\n\n{fenced(json.dumps(schema, indent=1), 'json')}\n</details>\n"
