"""The house holds: which wing may import which, no circles, no module too long to read, one name for one thing."""

import ast
import re
from collections import defaultdict
from pathlib import Path
from statistics import median

import pytest

from tinyvmaf.files import home
from tinyvmaf.vmaf.features import MEASURED
from tinyvmaf.vmaf.libvmaf.extractors import EXTRACTORS

WINGS = ("vmaf", "data", "model", "train", "measure", "judge", "app")
SHARED = {
    "children.py",
    "code_digest.py",
    "errors.py",
    "extensions.py",
    "files.py",
    "futures.py",
    "machine.py",
    "project.py",
    "scratch.py",
    "terminal.py",
    "validation.py",
    "__init__.py",
    "__main__.py",
}
"""Beside the wings: what all of them may import, and what starts the command line."""
PACKAGE = home() / "tools" / "tinyvmaf"
NAME_FEATURES = ("vmaf/features.py", "vmaf/domain/teacher_domain.py", "vmaf/libvmaf/", "vmaf/teacher/parse.py")
"""The table, the limits of each feature, and what describes libvmaf itself."""
CANONICAL_SIX = {"CANONICAL", "CANONICAL_FEATURES"}


def _modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".")
        found[name.removesuffix(".__init__")] = path
    return found


MODULES = _modules()


def imports(path: Path) -> set[str]:
    """The modules of this package that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found & set(MODULES)


def wing(module: str) -> str:
    """The wing of a module; empty for what lies beside the wings."""
    return next((name for name in WINGS if module.split(".")[1:2] == [name]), "")


def room(module: str) -> str:
    return ".".join(module.split(".")[1:3])


def test_the_package_has_seven_wings_and_what_they_share() -> None:
    files = {path.name for path in PACKAGE.iterdir() if path.name not in ("__pycache__", "py.typed", "_home")}
    assert files == {*WINGS, *SHARED}
    assert len(MODULES) > 100


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_from_no_later_wing(name: str) -> None:
    if not wing(name):
        assert name == "tinyvmaf.__main__" or not any(map(wing, imports(MODULES[name])))
        return
    late = [
        other for other in imports(MODULES[name]) if wing(other) and WINGS.index(wing(other)) > WINGS.index(wing(name))
    ]
    assert not late, f"{name} imports {late}, from a later wing"


def test_rooms_of_a_wing_form_no_circle() -> None:
    arrows: dict[str, set[str]] = defaultdict(set)
    for name, path in MODULES.items():
        arrows[room(name)] |= {room(other) for other in imports(path) if wing(other) == wing(name) != ""}
    arrows = {name: others - {name, *WINGS} for name, others in arrows.items()}

    def walk(way: tuple[str, ...]) -> None:
        for other in arrows[way[-1]]:
            assert other not in way, f"circle: {' -> '.join((*way, other))}"
            walk((*way, other))

    for name in arrows:
        walk((name,))


def test_each_wing_says_in_one_line_what_it_knows() -> None:
    page = (home() / "docs" / "architecture.md").read_text(encoding="utf-8")
    for name in WINGS:
        said = ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text(encoding="utf-8")))
        assert said
        assert f"| `{name}` | {said} |" in page, f"docs/architecture.md lacks: | `{name}` | {said} |"


def test_no_module_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES.values()}
    assert median(lengths.values()) < 130
    assert {path.name: n for path, n in lengths.items() if n > 350} == {}
    tests = [*(home() / "tools" / "tests").rglob("*.py"), *(home() / "suites").rglob("*.py")]
    assert {path.name: n for path in tests if (n := len(path.read_text(encoding="utf-8").splitlines())) > 500} == {}
    assert len((home() / "conftest.py").read_text(encoding="utf-8").splitlines()) < 120


def test_features_are_named_in_one_table() -> None:
    """Elsewhere a teacher is asked for its features, or the table for what they measure; docstrings may name some."""
    names = "|".join(name for name in MEASURED if name not in EXTRACTORS)
    a_feature = re.compile(rf"(?<![A-Za-z])(?:{names})(?![0-9a-z])")
    suites = [path for path in (home() / "suites").rglob("*.py") if "selftest" not in path.parts]
    found = []
    for path in [*MODULES.values(), *suites]:
        place = path.relative_to(PACKAGE if PACKAGE in path.parents else home()).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant | ast.ImportFrom):
                continue
            text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
            named = isinstance(text, str) and a_feature.search(text) and not place.startswith(NAME_FEATURES)
            canonical = isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & CANONICAL_SIX
            if named or (canonical and not place.startswith(("vmaf/", "data/", "app/cli/extract.py"))):
                found.append(f"{place}:{node.lineno}")
    assert not found, f"ask the teacher, or the table in vmaf/features.py: {', '.join(found)}"


def test_nothing_is_left_out_of_formatting() -> None:
    marker = "fmt: " + "skip"
    files = [path for folder in ("tools", "suites") for path in (home() / folder).rglob("*.py")] + [
        home() / "conftest.py"
    ]
    assert [path.name for path in files if marker in path.read_text(encoding="utf-8")] == []


def test_no_class_is_defined_twice() -> None:
    """A name that means two things is two names short."""
    found = defaultdict(list)
    for path in [*MODULES.values(), *(home() / "suites").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(home())))
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_nothing_is_called_said() -> None:
    files = [*MODULES.values(), *(home() / "suites").rglob("*.py"), home() / "conftest.py"]
    names = defaultdict(list)
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "arg", None)
            if isinstance(name, str) and name.strip("_") == "said":
                names[path.name].append(getattr(node, "lineno", 0))
    assert names == {}


def test_the_picture_shows_the_rooms_as_they_are() -> None:
    """`python tools/plots/architecture.py` draws it."""
    text = (home() / "docs" / "images" / "architecture.svg").read_text(encoding="utf-8")
    shown = {word for line in re.findall(r"<text [^>]*>([^<]*)</text>", text) for word in line.split()}
    rooms = {room(name).partition(".")[2] for name in MODULES if wing(name) and "." in room(name)}
    assert shown == rooms | set(WINGS)


def test_no_module_has_a_name_that_was_given_up() -> None:
    gone = {
        "parity",
        "drift",
        "bench",
        "adopt",
        "under_test",
        "proven",
        "stash",
        "distil",
        "record",
        "truth",
        "candidate",
    }
    found = {name for name in MODULES if gone & set(name.split("."))}
    assert found == {"tinyvmaf.app.cli.bench"}  # the command `tinyvmaf bench`
