"""Features and teacher scores of every clip of a corpus, measured on this machine or on a Dask cluster."""

from tinyvmaf.data.extract.job import FULL, ExtractionRequest, Job, measure
from tinyvmaf.data.extract.run import Extraction, Failure, extract

__all__ = ["FULL", "Extraction", "ExtractionRequest", "Failure", "Job", "extract", "measure"]
