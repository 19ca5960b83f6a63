"""Writes tables, files and pictures from one RooflineReport."""
