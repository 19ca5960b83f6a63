"""Reports served to assistants over the Model Context Protocol: read-only tools over given folders, docs/mcp.md."""
