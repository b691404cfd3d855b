"""Time to fit all folds and seeds at once or one by one: python fit_batched.py [--rounds N] [--one-by-one K]

Leave-one-source-out of the recipe mlp_small, all sources and seeds, with the same function: one call with all folds and
seeds, or one call per pair. One by one, only a few pairs are measured, because each costs about the same. Both ways
take turns in one process, and their medians are compared. Exit status 1 if all at once takes too long, or the ratio is
too low.
"""

import argparse
import os
import statistics
import sys

from interleave import interleave

from tinyvmaf.data import dataset
from tinyvmaf.data.corpus.splits import leave_one_source_out
from tinyvmaf.files import home
from tinyvmaf.train.fitting.run import fit
from tinyvmaf.train.recipes import read_recipe
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_built_in

MOST_SECONDS = 10.0
LEAST_RATIO = 5.0


def main() -> int:
    """Measure, print, and compare with the bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one-by-one", type=int, default=5, metavar="K", help="pairs fitted one by one (default 5)")
    arguments = parser.parse_args()
    whole, trainings, part, some = measure(arguments.rounds, arguments.one_by_one)
    rates = trainings / whole, some / part
    ratio = rates[0] / rates[1]
    print(f"together    {trainings:3} trainings in {whole:6.2f} s: {rates[0]:6.2f} a second")
    print(f"one by one  {some:3} trainings in {part:6.2f} s: {rates[1]:6.2f} a second")
    failed = whole >= MOST_SECONDS or ratio < LEAST_RATIO
    print(
        f"ratio {ratio:.1f}; bounds: below {MOST_SECONDS:g} s together, ratio at least {LEAST_RATIO:g}: "
        f"{'FAILED' if failed else 'held'}"
    )
    return int(failed)


def measure(rounds: int, one_by_one_pairs: int) -> tuple[float, int, float, int]:
    """Median seconds and number of trainings, all together and then one by one."""
    recipe = read_recipe("mlp_small")
    teacher = load_built_in(find_ffmpeg(), recipe.teacher)
    data = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    folds = leave_one_source_out(data.table["source"].to_pylist())
    pairs = [(fold, seed) for fold in folds for seed in recipe.seeds]
    chosen = pairs[:: max(1, len(pairs) // one_by_one_pairs)][:one_by_one_pairs]
    print(
        f"{recipe.id}: {len(folds)} folds x {len(recipe.seeds)} seeds, {recipe.optimiser.steps} steps of "
        f"{recipe.optimiser.batch} rows; {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}"
    )

    def together() -> None:
        assert len(fit(recipe, teacher, data, folds)) == len(pairs)

    def one_by_one() -> None:
        for fold, seed in chosen:
            assert len(fit(recipe, teacher, data, [fold], seeds=[seed])) == 1

    seconds = interleave({"together": together, "one by one": one_by_one}, rounds)
    whole, part = (statistics.median(seconds[name]) for name in ("together", "one by one"))
    return whole, len(pairs), part, len(chosen)


if __name__ == "__main__":
    sys.exit(main())
