"""Rows: corpora, the ladder, extraction, the store, datasets, golden rows and files."""
