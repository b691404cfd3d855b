"""`tinyvmaf score`: score distorted videos against their references."""

from tinyvmaf.app.cli.score.command import add_commands

__all__ = ["add_commands"]
