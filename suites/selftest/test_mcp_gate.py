"""The MCP gate on a broken input or a broken server: each fault must be caught and named."""

import re
from pathlib import Path

import pytest

from .conftest import Gate

FAIL, COULD_NOT_RUN = 1, 10
PATTERN = "checkerboard_1px"

# Python code that breaks the server before it starts, by the fault.
BREAKS = {
    "paths are taken as they are": """
from tinyvmaf.app.mcp_server.roots import Roots
Roots._resolved = lambda self, text: self.folders[0] / text
Roots._look_again = lambda self, handle, path, text: None
""",
    "playlists are followed": """
from tinyvmaf.vmaf.media import containers, opening
opening.CONTAINER = containers.Opener("container", ("-protocol_whitelist", "file"))
""",
}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_unchanged_copy_passes(gate: Gate) -> None:
    status, text = gate("mcp", "-k", f"{PATTERN} or recorded_ones")
    assert (status, "VERDICT: PASS" in text.splitlines()[-1]) == (0, True), text


def test_a_published_value_changed_by_1e_4_fails(copy: Path, gate: Gate) -> None:
    old = "35.06866714286451"
    edit(copy / "fixtures/golden/published.toml", old, repr(float(old) + 1e-4))
    status, text = gate("mcp", "-k", PATTERN)
    assert status == FAIL, text
    assert re.search(rf"the MCP server on {PATTERN}: \|d\| of a published clip mean: 1 of 7 values outside", text)
    assert f"again: tox -e mcp -- -k {PATTERN}" in text


def test_a_tool_that_is_not_the_recorded_one_fails(copy: Path, gate: Gate) -> None:
    edit(copy / "suites/mcp/schema.json", '"run_gate": {', '"run_gates": {')
    status, text = gate("mcp", "-k", "recorded_ones")
    assert status == FAIL, text
    assert "test_tools_are_the_recorded_ones" in text


@pytest.mark.parametrize("wrong", BREAKS)
def test_a_server_that_opens_files_outside_the_roots_fails(wrong: str, copy: Path, gate: Gate) -> None:
    edit(
        copy / "suites/mcp/watched_server.py",
        'if __name__ == "__main__":',
        f'{BREAKS[wrong]}\nif __name__ == "__main__":',
    )
    status, text = gate("mcp", "-k", "hostile")
    assert status == FAIL, text
    assert re.search(r"vmaf_score \{.* opened \[.*root-and-more/secret\.|was not refused: ", text), text


def test_without_the_sdk_it_could_not_run(tmp_path: Path, gate: Gate) -> None:
    """What `find_spec` says where there is none."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfound = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'mcp' else found(name, package)\n",
        encoding="utf-8",
    )
    status, text = gate("mcp", PYTHONPATH=str(tmp_path))
    assert status == COULD_NOT_RUN, text
    assert "the MCP SDK is not installed" in text
    assert "-e '.[mcp]'" in text
