"""The MCP server: the package's functions as tools for language models. Needs the extra `mcp`.

Three modules protect it from callers: `roots` decides which files may be read, `calls` ends calls that are cancelled or
take too long, and `limits` bounds how much a call may ask for.
"""
