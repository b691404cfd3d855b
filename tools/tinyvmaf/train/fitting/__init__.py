"""Fitting students by recipes. Needs torch."""
