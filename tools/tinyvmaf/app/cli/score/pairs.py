"""Which pairs `tinyvmaf score` scores: from the command line, from a table, or from folders."""

import argparse
import csv
import difflib
import fnmatch
import io
import re
from pathlib import Path
from typing import Final

from tinyvmaf.app.cli.inputs import INPUT_OPTIONS, pair_options
from tinyvmaf.data.pairs import AskedPair
from tinyvmaf.errors import TinyvmafError

_REF: Final = "{ref}"
_COLUMNS: Final = ("reference", "distorted")


class WrongUseError(TinyvmafError):
    """The command line asks for nothing that can be done."""


def asked_pairs(arguments: argparse.Namespace) -> list[AskedPair]:
    """The pairs, in the order in which they are shown.

    Raises:
        WrongUseError: the options contradict each other, or name no pair.
        MediaError: an input option that cannot be.
    """
    if arguments.pairs is not None:
        if arguments.videos or arguments.match:
            raise WrongUseError("--pairs names the videos: leave REF, DIS and --match out")
        return _of_table(arguments)
    if len(arguments.videos) < 2:
        raise WrongUseError(
            "name a reference and what to score: REF DIS..., or --pairs FILE.csv; without a reference, one video and "
            "--model with a model of kind no_reference"
        )
    reference, *distorted = arguments.videos
    options = pair_options(arguments)
    found = []
    for one in distorted:
        if one.is_dir():
            if not arguments.match:
                raise WrongUseError(f"{one} is a folder: add --match PATTERN, such as --match '*.mp4'")
            found += _of_folder(reference, one, arguments.match)
        else:
            found.append((reference, one))
    if arguments.match and not any(one.is_dir() for one in distorted):
        raise WrongUseError("--match is for a folder as DIS")
    if reference.is_dir() and _REF not in (arguments.match or ""):
        raise WrongUseError(f"{reference} is a folder: add --match with {_REF}, such as --match '{_REF}_*.mp4'")
    return [AskedPair(ref, dis, options) for ref, dis in found]


def _of_folder(reference: Path, folder: Path, pattern: str) -> list[tuple[Path, Path]]:
    """The pairs of a folder, sorted by the names of its files.

    Raises:
        WrongUseError: no file matches, or one matches several references.
    """
    files = sorted((path for path in folder.iterdir() if _is_plain(path)), key=lambda path: _natural(path.name))
    if _REF not in pattern:
        found = [(reference, path) for path in files if fnmatch.fnmatchcase(path.name, pattern)]
        found = [pair for pair in found if not pair[1].samefile(reference)] if reference.is_file() else found
        if not found:
            raise WrongUseError(f"no file of {folder} matches {pattern}")
        return found
    references = [path for path in reference.iterdir() if _is_plain(path)] if reference.is_dir() else [reference]
    references.sort(key=lambda path: _natural(path.name))
    pairs, taken = [], dict[Path, Path]()
    for one in references:
        own = pattern.replace(_REF, one.stem.translate({ord(c): f"[{c}]" for c in "*?["}))
        for path in files:
            if not fnmatch.fnmatchcase(path.name, own):
                continue
            if path in taken:
                raise WrongUseError(
                    f"{path} matches two references, {taken[path]} and {one}: name the pairs with --pairs FILE.csv"
                )
            taken[path] = one
            pairs.append((one, path))
    if not pairs:
        raise WrongUseError(f"no file of {folder} matches {pattern} with the name of a file of {reference}")
    return pairs


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _natural(name: str) -> list[tuple[int, str]]:
    """So that `9.mp4` comes before `10.mp4`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _of_table(arguments: argparse.Namespace) -> list[AskedPair]:
    """The pairs of a CSV file; paths are relative to its folder."""
    path: Path = arguments.pairs
    known = (*_COLUMNS, *INPUT_OPTIONS)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongUseError(f"{path}: not UTF-8: {error}") from error
    header = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    try:
        first, *lines = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)] or [(1, [])]
    except csv.Error as error:
        raise WrongUseError(f"{path}, line {rows.line_num}: {error}") from error
    names = [cell.strip().lower().replace("-", "_") for cell in first[1]]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            mean = f"did you mean {near[0]}? " if near else ""
            raise WrongUseError(f"{path}: unknown column {name!r}; {mean}known: {', '.join(known)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise WrongUseError(f"{path}: the column {twice[0]} is there twice")
    if missing := [name for name in _COLUMNS if name not in names]:
        raise WrongUseError(f"{path}: no column {' and none '.join(missing)}; the first line names the columns")
    found = []
    for line, row in lines:
        if len(row) != len(names):
            raise WrongUseError(f"{path}, line {line}: {len(row)} cells where the first line has {len(names)}")
        values = dict(zip(names, (cell.strip() for cell in row), strict=True))
        ref, dis = (values.pop(name) for name in _COLUMNS)
        if not (ref and dis):
            raise WrongUseError(f"{path}, line {line}: no {'distorted' if ref else 'reference'}")
        try:
            options = pair_options(arguments, values)
        except TinyvmafError as error:
            raise WrongUseError(f"{path}, line {line}: {error.message}") from error
        found.append(AskedPair(path.parent / ref, path.parent / dis, options))
    if not found:
        raise WrongUseError(f"{path}: no pair below the first line")
    return found
