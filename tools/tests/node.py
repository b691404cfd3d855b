"""Node.js: JavaScript and WebAssembly of pages, without a browser."""

import json
import shutil
import subprocess
from typing import Any

import pytest


def run_node(script: str, given: Any) -> Any:
    """What a script gives as `answer`, a JSON value, for a JSON value that it finds as `given`."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on the PATH")
    head = 'const given = JSON.parse(require("fs").readFileSync(0, "utf8"));\nlet answer;\n'
    tail = "\nprocess.stdout.write(JSON.stringify(answer));"
    made = subprocess.run(
        [node, "-e", head + script + tail],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)
