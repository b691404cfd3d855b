"""`tinyvmaf store`: the cache of measurements."""

import argparse
import time

from tinyvmaf.app.cli.common import Commands, add_command, add_group, positive_float, print_table
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.terminal import say

_DAY_S = 86400.0
_WHERE = "The store is in $TINYVMAF_CACHE, else $VMAF_TINY_AI_CACHE, else the user's cache folder."


def add_commands(commands: Commands) -> None:
    """Add `store` with `ls`, `verify` and `prune`."""
    about = f"List, check or prune the store: measurements, fits and proofs that later runs reuse. {_WHERE}"
    inner = add_group(commands, "store", description=about)
    add_command(
        inner,
        "ls",
        _ls,
        summary="list the entries",
        description=f"List the entries of the store. {_WHERE}",
        examples="tinyvmaf store ls",
    )
    add_command(
        inner,
        "verify",
        _verify,
        summary="check every entry",
        description=f"Read every entry of the store but proofs, and remove damaged ones. {_WHERE}",
        examples="tinyvmaf store verify",
        exit_status="0 no entry was damaged, 1 damaged entries were removed, 2 wrong use",
    )
    prune = add_command(
        inner,
        "prune",
        _prune,
        summary="remove entries",
        description=f"Remove entries from the store. {_WHERE}",
        examples="tinyvmaf store prune --days 30",
    )
    prune.add_argument(
        "--days", type=positive_float, metavar="N", help="only entries that were not used for N days (default: all)"
    )


def _ls(arguments: argparse.Namespace) -> int:
    del arguments
    store, rows, total = Store(default_folder()), [], 0
    for entry in store.entries():
        about = {"clip": "(a proof)"} if entry.is_journal else store.about(entry.key)
        total += entry.bytes
        day = time.strftime("%Y-%m-%d", time.localtime(entry.used))
        what = [str(about.get(name, "")) for name in ("clip", "frames", "libvmaf")]
        rows.append([entry.key[:16], *what, " ".join(about.get("teachers", [])), str(entry.bytes), day])
    if rows:
        print_table(["entry", "clip", "frames", "libvmaf", "teachers", "bytes", "used"], rows)
    say(f"{store.folder}: {len(rows)} entries, {total} bytes")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    del arguments
    store = Store(default_folder())
    keys = [entry.key for entry in store.entries() if not entry.is_journal]
    for key in keys:
        store.get(key)
    for key in store.damaged:
        say(f"{key}: damaged, removed; it will be measured again")
    say(f"{store.folder}: {len(keys)} entries, {len(store.damaged)} damaged")
    return int(bool(store.damaged))


def _prune(arguments: argparse.Namespace) -> int:
    store = Store(default_folder())
    removed = store.prune((arguments.days or 0.0) * _DAY_S)
    say(f"{store.folder}: {len(removed)} entries removed, {sum(entry.bytes for entry in removed)} bytes")
    return 0
