"""Fit students: Adam, Levenberg-Marquardt, SciPy, and quantisation to a grid. Needs torch."""
