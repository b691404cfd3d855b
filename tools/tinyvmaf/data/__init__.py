"""Rows on disk: corpora, the ladder, extraction, the store, datasets, viewers' opinions, golden files and rows."""
