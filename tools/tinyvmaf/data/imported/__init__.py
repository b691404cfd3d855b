"""Sets that others measured and published: libvmaf's features and scores of frames, and viewers' opinions of clips.

`load` reads one set: a file of `tinyvmaf import`, or a published table (`NAME_frames.parquet` or `.csv`, with the
opinions in `NAME_clips.csv` beside it). `load_all` also takes a folder of them. `import_logs` makes a set of logs.
"""

from tinyvmaf.data.imported.check import SetFault, SetFindings, check_set
from tinyvmaf.data.imported.files import LogFile, find_logs
from tinyvmaf.data.imported.layouts import Layout, pick, read_layouts
from tinyvmaf.data.imported.load import built_in_teacher, is_published, load, load_all, read_features, set_files
from tinyvmaf.data.imported.logs import LogRows, parse_any
from tinyvmaf.data.imported.opinion_files import ClipTable, read_clip_table
from tinyvmaf.data.imported.precision import allowed_by_rounding, decimals_of
from tinyvmaf.data.imported.run import ImportReport, LeftOut, import_logs
from tinyvmaf.data.imported.table import Imported, Opinion, PublishedScore, opinions_in, read_imported, write_imported
from tinyvmaf.data.imported.teachers import DETECTED_ON, find_teacher

__all__ = [
    "DETECTED_ON",
    "ClipTable",
    "ImportReport",
    "Imported",
    "Layout",
    "LeftOut",
    "LogFile",
    "LogRows",
    "Opinion",
    "PublishedScore",
    "SetFault",
    "SetFindings",
    "allowed_by_rounding",
    "built_in_teacher",
    "check_set",
    "decimals_of",
    "find_logs",
    "find_teacher",
    "import_logs",
    "is_published",
    "load",
    "load_all",
    "opinions_in",
    "parse_any",
    "pick",
    "read_clip_table",
    "read_features",
    "read_imported",
    "read_layouts",
    "set_files",
    "write_imported",
]
