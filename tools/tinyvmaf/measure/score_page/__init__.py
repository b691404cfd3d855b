"""Scores as a page with charts and pictures, or as a chart in a file."""

from tinyvmaf.measure.score_page.write import SUFFIXES, known_plot, write_plot

__all__ = ["SUFFIXES", "known_plot", "write_plot"]
