"""Golden data: the values and files that Netflix published, and the frozen feature rows of its pairs."""

from tinyvmaf.data.golden.files import GoldenFileMissingError, GoldenFiles, is_golden_file
from tinyvmaf.data.golden.freezing import freeze, score_golden_pair
from tinyvmaf.data.golden.model_errors import golden_errors
from tinyvmaf.data.golden.published import Pair, PublishedFile, load_files, load_pairs
from tinyvmaf.data.golden.rows import FrozenPair, GoldenRows, golden_among, is_golden_row, load_rows, rows_path

__all__ = [
    "FrozenPair",
    "GoldenFileMissingError",
    "GoldenFiles",
    "GoldenRows",
    "Pair",
    "PublishedFile",
    "freeze",
    "golden_among",
    "golden_errors",
    "is_golden_file",
    "is_golden_row",
    "load_files",
    "load_pairs",
    "load_rows",
    "rows_path",
    "score_golden_pair",
]
