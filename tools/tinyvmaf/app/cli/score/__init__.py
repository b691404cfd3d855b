"""`tinyvmaf score`: score distorted videos against their references."""

from tinyvmaf.app.cli.score.options import add_commands

__all__ = ["add_commands"]
