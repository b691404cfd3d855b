"""Features and teacher scores of every clip of a corpus, measured on this machine or on a Dask cluster."""

from tinyvmaf.data.extract.job import FULL, ExtractionRequest, Job, measure
from tinyvmaf.data.extract.provenance import provenance_of
from tinyvmaf.data.extract.run import Extraction, FailedClip, extract

__all__ = ["FULL", "Extraction", "ExtractionRequest", "FailedClip", "Job", "extract", "measure", "provenance_of"]
