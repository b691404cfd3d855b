"""Thin shells: the command line and the MCP server."""
