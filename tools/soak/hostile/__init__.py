"""Hostile models made by hand, by kind."""

from . import arithmetic, beside, external, growth, structure
from .making import MAKERS

__all__ = ["MAKERS", "arithmetic", "beside", "external", "growth", "structure"]
