"""Formats of a comparison of formula and measurement."""
