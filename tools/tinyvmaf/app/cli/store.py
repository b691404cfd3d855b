"""`tinyvmaf store`: the cache of measurements."""

import argparse
import random
import sys
import time
from collections.abc import Iterable

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_ffmpeg_option,
    add_group,
    add_json_option,
    positive_float,
    positive_int,
    print_listing,
)
from tinyvmaf.data.store import Store, StoredTable, default_folder
from tinyvmaf.terminal import say, say_lines
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

_DAY_S = 86400.0
_WHERE = "The store is in $TINYVMAF_CACHE, else $VMAF_TINY_AI_CACHE, else the user's cache folder."
_VERIFY = f"""\
Read every entry of the store but proofs, and remove damaged ones. {_WHERE}

--recompute N measures entries of video again, chosen at random, until N are compared. Entries whose video is gone, or
that another FFmpeg or other code measured, are listed. Entries that differ are named, and stay: remove them with
tinyvmaf store prune."""


def add_commands(commands: Commands) -> None:
    """Add `store` with `ls`, `verify` and `prune`."""
    about = f"List, check or prune the store: measurements, fits and proofs that later runs reuse. {_WHERE}"
    inner = add_group(commands, "store", description=about)
    listed = add_command(
        inner,
        "ls",
        _ls,
        summary="list the entries",
        description=f"List the entries of the store. {_WHERE}",
        examples="tinyvmaf store ls",
    )
    add_json_option(listed)
    verify = add_command(
        inner,
        "verify",
        _verify,
        summary="check every entry",
        description=_VERIFY,
        examples="tinyvmaf store verify\ntinyvmaf store verify --recompute 20",
        exit_status="0 nothing is wrong, 1 an entry was damaged or differs, or none could be measured, 2 wrong use",
    )
    verify.add_argument(
        "--recompute", type=positive_int, metavar="N", help="measure N random entries of video again, and compare"
    )
    verify.add_argument("--seed", type=int, metavar="N", help="which entries --recompute takes (default: random)")
    add_ffmpeg_option(verify)
    prune = add_command(
        inner,
        "prune",
        _prune,
        summary="remove entries",
        description=f"Remove entries from the store. {_WHERE}",
        examples="tinyvmaf store prune --days 30\ntinyvmaf store prune --all --dry-run",
    )
    which = prune.add_mutually_exclusive_group(required=True)
    which.add_argument("--days", type=positive_float, metavar="N", help="entries that were not used for N days")
    which.add_argument("--all", action="store_true", help="every entry: later runs measure and fit anew")
    prune.add_argument("--dry-run", action="store_true", help="list what would be removed, and remove nothing")


def _ls(arguments: argparse.Namespace) -> int:
    store = Store(default_folder())
    entries = list(store.entries())
    _print(store, entries, as_json=arguments.json)
    if not arguments.json:
        say(f"{store.folder}: {len(entries)} entries, {sum(entry.bytes for entry in entries)} bytes")
    return 0


def _print(store: Store, entries: Iterable[StoredTable], *, as_json: bool = False) -> None:
    rows: list[list[object]] = []
    for entry in entries:
        about = {"clip": "(a proof)"} if entry.is_journal else store.about(entry.key)
        day = time.strftime("%Y-%m-%d", time.localtime(entry.used))
        what = [about.get(name) for name in ("clip", "frames", "libvmaf")]
        rows.append(
            [entry.key if as_json else entry.key[:16], *what, list(about.get("teachers", [])), entry.bytes, day]
        )
    print_listing(["entry", "clip", "frames", "libvmaf", "teachers", "bytes", "used"], rows, as_json=as_json)


def _verify(arguments: argparse.Namespace) -> int:
    store = Store(default_folder())
    keys = [entry.key for entry in store.entries() if not entry.is_journal]
    for key in keys:
        store.get(key)
    for key in store.damaged:
        say(f"{key}: damaged, removed; it will be measured again")
    say(f"{store.folder}: {len(keys)} entries, {len(store.damaged)} damaged")
    return int(bool(store.damaged) or (arguments.recompute is not None and not _recomputed(arguments, store)))


def _recomputed(arguments: argparse.Namespace, store: Store) -> bool:
    """Whether entries were measured again and none differs."""
    from tinyvmaf.data.recompute import recompute

    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    say(f"measuring {arguments.recompute} entries again, seed {seed}")
    compared = skipped = wrong = 0
    for one in recompute(store, find_ffmpeg(arguments.ffmpeg), arguments.recompute, seed):
        if one.skipped:
            skipped += 1
            say(f"{one.key[:16]} {one.clip}: not measured: {one.skipped}")
            continue
        compared += 1
        wrong += bool(one.differences or one.fault)
        if one.fault:
            say_lines(f"{one.key[:16]} {one.clip}: can no longer be measured: {one.fault}")
        if one.differences:
            columns = (f"{name} by {'its rows' if gap is None else f'{gap:.6g}'}" for name, gap in one.differences)
            say(f"{one.key[:16]} {one.clip}: differs: {', '.join(columns)}")
    say(f"{compared} entries measured again, {wrong} differ; {skipped} could not be measured")
    if not compared:
        say("tinyvmaf: no entry could be measured again, so nothing was verified", file=sys.stderr)
    return bool(compared) and not wrong


def _prune(arguments: argparse.Namespace) -> int:
    store = Store(default_folder())
    removed = store.prune((arguments.days or 0.0) * _DAY_S, dry_run=arguments.dry_run)
    if arguments.dry_run:
        _print(store, removed)
    what = "would be removed" if arguments.dry_run else "removed"
    say(f"{store.folder}: {len(removed)} entries {what}, {sum(entry.bytes for entry in removed)} bytes")
    return 0
