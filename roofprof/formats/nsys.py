"""How nsys words it when it lost events."""

import re

LOSS_MESSAGE = re.compile(r"drop|lost|not all|missing|incomplete|overflow|buffer.*full|discard|truncat", re.IGNORECASE)
"""Diagnostic messages that mean lost events."""
