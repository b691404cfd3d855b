"""No gate fails a file that is a shipped model in all but looks."""

import json
from pathlib import Path

from .conftest import Gate
from .good_variants import good_variants


def test_good_variants_pass(copy: Path, gate: Gate) -> None:
    """Renamed, with metadata, other names inside, opset 18, another order, a scaler outside, a link, odd folders."""
    made = good_variants("tinyvmaf_nano", copy / "fixtures")
    models = [part for path in made for part in ("--model", str(path))]
    status, text = gate("contract", "suites/golden/test_models.py", "--allow", "selection", *models)
    assert status == 0, text
    assert "VERDICT: PASS" in text
    found = json.loads((copy / "report/verdict.json").read_text(encoding="utf-8"))["outcomes"]
    judged = {suite: {one["model"] for one in found if one["suite"] == suite} for suite in ("contract", "golden")}
    assert [len(models - {None}) for models in judged.values()] == [len(made), len(made)], judged
