"""Measurements without verdicts: agreement, engine agreement, latency and its history."""
