"""A model that states an interval states its teacher's, of sources that it has not seen."""

from collections.abc import Callable

from tinyvmaf.judge.bounds import Bound
from tinyvmaf.judge.outcomes import hold
from tinyvmaf.judge.plugin import Judge, Note
from tinyvmaf.measure.loso import IntervalReport, Trial


def test_the_interval_is_the_teachers(
    trial: Trial, stating: dict[str, IntervalReport], bound: Callable[[str], Bound], judge: Judge, note: Note
) -> None:
    """Standard deviation, and the ends of the interval: a wrong error bar looks like a right one."""
    again = f"tox -e loso -- -k 'interval and {trial.id}'"
    for who, one in stating.items():
        note(f"{trial.id}, {who}: {one.summary}")
    judge(
        *(
            hold(
                bound(f"loso.{name}"),
                trial.id,
                {who: getattr(one, name) for who, one in stating.items()},
                reproduce=again,
            )
            for name in ("stddev_rmse", "interval_rmse")
        )
    )
