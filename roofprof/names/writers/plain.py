"""Names of nobody we know: they stand as they are, without the numbers of layers and steps."""

from roofprof.names.name import Asked, Reading, ReadName
from roofprof.names.numbers import fold

NAME = "plain"


def read(text: str, asked: Asked) -> Reading:
    """Any name at all."""
    folded = fold(text, asked.layers == "each")
    return Reading(ReadName(folded.text, folded.text, folded.layer, folded.step, writer=NAME))
