"""Markdown: the commands that make this document and its pictures."""

_COMMANDS = """```bash
# Capture: decode at batch 1, 64 and 128, prefill of 1 x 1024 (needs an NVIDIA GPU)
roofprof capture -o capture/ --phase all --batch 1,64,128

# This document, the picture, and one picture per phase
roofprof report capture/ -o roofline.md
roofprof report capture/ -o roofline.png
roofprof report capture/ -o roofline.png --by-phase
```
"""


def generate() -> list[str]:
    """The same for every document: what was captured here stands under Provenance."""
    return [*_COMMANDS.splitlines()]
