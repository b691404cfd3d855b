"""A content-addressed store on disk: tables of measured clips and other costly results, and digests of files."""

from tinyvmaf.data.store.tables import ENV, Store, StoredTable, default_folder, key_of, tables_here, usable_store

__all__ = ["ENV", "Store", "StoredTable", "default_folder", "key_of", "tables_here", "usable_store"]
