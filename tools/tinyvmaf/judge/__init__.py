"""Opinions: kinds, bounds, outcomes, waivers, subjects, the verdict, the pytest plugin, the report."""
