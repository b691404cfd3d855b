"""The plugin of anybody's tests: its fixtures, and that it is no burden where nobody uses it."""

import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge import checks

pytest_plugins = ["pytester"]
PLUGIN = ("-p", "no:tinyvmaf", "-p", "tinyvmaf.judge.users_plugin")
ORDER = "adm2,vif_scale0,vif_scale1,vif_scale2,vif_scale3,motion2"


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYVMAF_HOME", raising=False)


def test_a_test_of_theirs_judges_a_model(pytester: pytest.Pytester) -> None:
    """A good one by its id; a file of a line through the corners of the domain fails in words."""
    x = onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["N", 6])
    y = onnx.helper.make_tensor_value_info("score", onnx.TensorProto.FLOAT, ["N", 1])
    weights = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [6, 1], [16.0] * 6)
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["features", "w"], ["score"])], "g", [x], [y])
    graph.initializer.append(weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, pytester.path / "line.onnx")
    pytester.makepyfile(
        f"""
        import pytest
        from tinyvmaf.judge.checks import contract_faults

        @pytest.mark.parametrize("tinyvmaf_model", ["tinyvmaf_nano"], indirect=True)
        def test_good(tinyvmaf_model):
            assert contract_faults(tinyvmaf_model) == []

        def test_bad(assert_stands_in):
            assert_stands_in("line.onnx", feature_order="{ORDER}")

        def test_nothing(judge):
            judge()
        """
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*size of the mean error*", "*why this bound: *", "*nothing was judged*"])


def test_without_a_parameter_it_is_each_model_of_the_project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(tinyvmaf_model): assert tinyvmaf_model.registered")
    result = pytester.runpytest_inprocess(*PLUGIN, "-v")
    result.stdout.fnmatch_lines(["*test_it?tinyvmaf_nano? PASSED*"])
    (pytester.path / "tinyvmaf.toml").write_text("", encoding="utf-8")
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(errors=1)  # no model: no test passes on nothing
    result.stdout.fnmatch_lines(["*RegistryError*registry.json*"])


def test_their_own_fixtures_and_options_win(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        def pytest_addoption(parser):
            parser.addoption("--model"), parser.addoption("--report")
        @pytest.fixture
        def judge(): return 1
        @pytest.fixture
        def tinyvmaf_model(): return 2
        """
    )
    pytester.makepyfile("def test_it(judge, tinyvmaf_model): assert (judge, tinyvmaf_model) == (1, 2)")
    pytester.runpytest_inprocess(*PLUGIN, "--model=a").assert_outcomes(passed=1)


def test_it_imports_nothing_until_it_is_used(tmp_path: Path) -> None:
    code = (
        "import sys, pytest\n"
        "pytest.main(['-p', 'no:tinyvmaf', '-p', 'tinyvmaf.judge.users_plugin', '--version', '--version'])\n"
        "import tinyvmaf.judge.users_fixtures\n"
        "more = sorted(name for name in sys.modules if name.partition('.')[0] in ('numpy', 'onnx', 'tinyvmaf'))\n"
        "print('imported', *more)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("imported")]
    ours = ["tinyvmaf", "tinyvmaf.judge", "tinyvmaf.judge.users_fixtures", "tinyvmaf.judge.users_plugin"]
    assert line.split()[1:] == ours


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tinyvmaf.suites.goldn"], "no suite tinyvmaf.suites.goldn*"),
        (["tinyvmaf.suites.golden", "."], "* beside tinyvmaf.suites.golden: run the suites by themselves"),
    ],
)
def test_a_wrong_suite_is_a_sentence(words: list[str], message: str, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(*PLUGIN, "--pyargs", *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_checks_are_plain_functions() -> None:
    with pytest.raises(TinyvmafError, match=r"no\.onnx"):
        checks.stands_in("no.onnx", feature_order=ORDER)
    with pytest.raises(TypeError, match="no such option: order"):
        checks.stands_in("no.onnx", order=ORDER)
