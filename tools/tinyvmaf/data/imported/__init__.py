"""Sets that others measured and published: libvmaf's features and scores of frames, and viewers' opinions of clips.

`load` reads one set: a file of `tinyvmaf import`, or a published table (`NAME_frames.parquet` or `.csv`, with the
opinions in `NAME_clips.csv` beside it). `load_all` also takes a folder of them.
"""

from tinyvmaf.data.imported.load import load, load_all, read_features, set_files
from tinyvmaf.data.imported.precision import allowed_by_rounding, decimals_of
from tinyvmaf.data.imported.table import Imported, Opinion, PublishedScore, read_imported, write_imported
from tinyvmaf.data.imported.teachers import DETECTED_ON, find_teacher

__all__ = [
    "DETECTED_ON",
    "Imported",
    "Opinion",
    "PublishedScore",
    "allowed_by_rounding",
    "decimals_of",
    "find_teacher",
    "load",
    "load_all",
    "read_features",
    "read_imported",
    "set_files",
    "write_imported",
]
