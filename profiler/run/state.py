"""How a run ended."""

from typing import Literal

State = Literal["complete", "partial", "failed"]
