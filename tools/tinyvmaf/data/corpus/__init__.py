"""A corpus on disk: `ref/` with pristine sources, `dis/` with distorted clips, named as Netflix names them."""

from tinyvmaf.data.corpus.doctor import Report, as_dict, examine
from tinyvmaf.data.corpus.names import ClipName, clip_name, reference_name
from tinyvmaf.data.corpus.scan import Clip, Corpus, Fault, data_root, scan
from tinyvmaf.data.corpus.splits import Fold, Split, hash_sample, hash_split, leave_one_source_out

__all__ = [
    "Clip",
    "ClipName",
    "Corpus",
    "Fault",
    "Fold",
    "Report",
    "Split",
    "as_dict",
    "clip_name",
    "data_root",
    "examine",
    "hash_sample",
    "hash_split",
    "leave_one_source_out",
    "reference_name",
    "scan",
]
