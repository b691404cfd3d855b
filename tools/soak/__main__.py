"""Random attacks on every door of tinyvmaf. Ends with a table of counts, with status 1 if anything was bad.

python -m soak                          # every part, 5 minutes each, a new seed
python -m soak video rpc --minutes 30   # two parts
python -m soak video --seed 20 --only 7 # one trial again
python -m soak rpc --seed 20 --trials 2000
"""

import argparse
import os
import secrets
import signal
import sys

from .parts import PARTS, load
from .run import Count, run, table

MINUTES = 5.0


def main(words: list[str] | None = None) -> int:
    """Attack."""
    parser = argparse.ArgumentParser("soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--minutes", type=float, help=f"of each part (default: {MINUTES:.0f}, or what --trials takes)")
    parser.add_argument("--seed", type=int, help="decides every trial (default: a new one, which is printed)")
    parser.add_argument("--trials", type=int, help="at most so many of each part")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin at trial N, to share the work")
    parser.add_argument("--only", type=int, metavar="N", help="trial N alone")
    options = parser.parse_args(words)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if sys.flags.optimize:
        parser.error("Python's -O switches assertions off")
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    last = sys.maxsize if options.trials is None else options.first + options.trials
    numbers = range(options.first, last) if options.only is None else range(options.only, options.only + 1)
    endless = options.minutes is None and (options.trials is not None or options.only is not None)
    seconds = float("inf") if endless else 60.0 * (MINUTES if options.minutes is None else options.minutes)
    print(f"seed {seed}, process {os.getpid()}", flush=True)
    counts = list[Count]()
    for one in (signal.SIGINT, signal.SIGTERM):  # also where it was started with Ctrl-C ignored, as by nohup
        signal.signal(one, signal.default_int_handler)
    try:
        for name in options.parts or PARTS:
            counts.append(Count(name, seed))
            run(load(name), seed, numbers, seconds, counts[-1])
    except KeyboardInterrupt:
        print("stopped")
    print(table(counts))
    idle = [count.part for count in counts if not count.tried]
    if idle:
        print(f"nothing was tried: {', '.join(idle)}")
    return int(bool(idle) or any(count.bad for count in counts))


if __name__ == "__main__":
    sys.exit(main())
