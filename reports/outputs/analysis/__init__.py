"""Formats of an analysis; docs/extending/output.md says what a module here holds."""
