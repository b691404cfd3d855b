"""Golden values: what Netflix published, the files it belongs to, frozen feature rows and recorded model scores."""

from tinyvmaf.data.golden.distance import golden_errors
from tinyvmaf.data.golden.files import GoldenFiles, NotAtHandError
from tinyvmaf.data.golden.published import Pair, PublishedFile, load_files, load_pairs
from tinyvmaf.data.golden.rows import FrozenPair, freeze, is_golden_file, is_golden_row, load_rows

__all__ = [
    "FrozenPair",
    "GoldenFiles",
    "NotAtHandError",
    "Pair",
    "PublishedFile",
    "freeze",
    "golden_errors",
    "is_golden_file",
    "is_golden_row",
    "load_files",
    "load_pairs",
    "load_rows",
]
