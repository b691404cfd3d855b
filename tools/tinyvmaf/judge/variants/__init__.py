"""Quantised variants: the parent of one, and the figures of all beside it."""

from tinyvmaf.judge.variants.parent import held_against_parent, parent_of

__all__ = ["held_against_parent", "parent_of"]
