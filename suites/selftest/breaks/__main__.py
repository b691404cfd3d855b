"""Prints the table of docs/gates.md."""

from . import TABLE, row

print("\n".join(map(row, TABLE)))
