"""Numbers of layers and steps in names: what differs from call to call of one op."""

import re
from dataclasses import dataclass

PLACE = "{}"
"""Stands in a key for a number that was taken out."""

# A number counts where its word stands right before it, `step 7`, `layer_3`, `ProfilerStep#42`, `layers[5]`. A plural
# needs a bracket, dot or underscore: `layers 12` is how many. So is what `num_` or `max_` stands before. Eighteen
# digits are more than any counter has; what is longer stays, so that nothing here is ever slow.
_NUMBERED = re.compile(
    r"(?<!n_)(?<!num_)(?<!max_)(?<!total_)"
    r"(?:(?<![A-Za-z])(?:(?P<layer>layer|Layer|LAYER)|(?P<layers>layers|Layers)"
    r"|timestep|step|Step|STEP|iteration|Iteration|ITERATION|iter|Iter|ITER|epoch|Epoch|EPOCH"
    r"|micro[_ -]?batch|Micro[_ -]?[Bb]atch)"
    r"|(?<=[a-z])(?:(?P<camel>Layer)|Step|Iteration|Iter|Epoch|Microbatch|MicroBatch))"
    r"(?P<gap>(?(layers)[._\[]|(?: ?[#:=]? ?|[_.\-\[(])))"
    r"(?P<number>[0-9]{1,18})(?![A-Za-z0-9]|\.[0-9])"
)
_WORDS = re.compile(r"layer|step|iter|epoch|batch", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Folded:
    """A text whose run numbers were taken out."""

    text: str
    layer: int | None = None
    step: int | None = None


def fold(text: str, keep_layers: bool = False) -> Folded:
    """Take the numbers of layers and steps out of a text.

    Args:
        text: any.
        keep_layers: leave the layers' numbers where they are; they are told all the same.

    Returns:
        The text with `{}` in their places, the first layer and the last step named.
    """
    if not _WORDS.search(text):
        return Folded(text)
    layer: int | None = None
    step: int | None = None

    def replaced(match: re.Match[str]) -> str:
        nonlocal layer, step
        number = int(match["number"])
        if match["layer"] or match["layers"] or match["camel"]:
            layer = number if layer is None else layer
            if keep_layers:
                return match[0]
        else:
            step = number
        return match[0][: match.start("number") - match.start()] + PLACE

    return Folded(_NUMBERED.sub(replaced, text), layer, step)
