"""Code blocks of a documentation page, for tests that follow it."""

import re
from pathlib import Path

_BLOCK = re.compile(r"`([\w/]+\.\w+)`:\n\n```python\n(.*?)```", re.DOTALL)


def code_blocks(page: Path) -> dict[str, str]:
    """The file that the words before a Python block end with -> the block."""
    return dict(_BLOCK.findall(page.read_text(encoding="utf-8")))
