"""The document in Markdown."""
