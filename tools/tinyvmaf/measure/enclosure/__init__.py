"""Bounds of what a graph computes over whole boxes of feature rows: interval arithmetic, rounding included."""

from tinyvmaf.measure.enclosure.enclosed import Enclosed, NoEnclosureError
from tinyvmaf.measure.enclosure.ml import leaf_boxes
from tinyvmaf.measure.enclosure.walk import Enclosure, enclose

__all__ = ["Enclosed", "Enclosure", "NoEnclosureError", "enclose", "leaf_boxes"]
