"""Quantised variants of a float model: fewer bits for its weights, or for its arithmetic as well."""

from tinyvmaf.train.quantise.methods import METHODS, QuantiseJob, job_of, made, methods_for
from tinyvmaf.train.quantise.parent import prepared, refuse
from tinyvmaf.train.quantise.write import Variant, write_variant

__all__ = ["METHODS", "QuantiseJob", "Variant", "job_of", "made", "methods_for", "prepared", "refuse", "write_variant"]
