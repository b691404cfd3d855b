"""The MCP server: the package's functions as tools for programs that talk to a model. Needs the extra `mcp`.

Thin, but for what a stranger at the other end makes necessary: `roots` decides which files may be read, `calls` ends
what is cancelled or takes too long, and `limits` says how much is too much.
"""
