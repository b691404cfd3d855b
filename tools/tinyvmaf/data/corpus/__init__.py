"""A corpus on disk: pristine sources in `ref/`, distorted clips in `dis/`, named as in the Netflix Public corpus."""

from tinyvmaf.data.corpus.check import CorpusFindings, check_corpus, findings_as_dict
from tinyvmaf.data.corpus.names import ClipName, clip_name, reference_name
from tinyvmaf.data.corpus.scan import Clip, Corpus, CorpusFault, data_root, scan
from tinyvmaf.data.corpus.splits import Fold, Split, hash_sample, hash_split, leave_one_source_out

__all__ = [
    "Clip",
    "ClipName",
    "Corpus",
    "CorpusFault",
    "CorpusFindings",
    "Fold",
    "Split",
    "check_corpus",
    "clip_name",
    "data_root",
    "findings_as_dict",
    "hash_sample",
    "hash_split",
    "leave_one_source_out",
    "reference_name",
    "scan",
]
