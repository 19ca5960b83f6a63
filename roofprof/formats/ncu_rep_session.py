"""What the block headers of an .ncu-rep hold beside results: names of metrics, attributes of the devices.

Layout by observation. Block header: 3 session; session: 6 device {1 index, 2 name, 3 attribute {1 name, 2 value}}.
"""

from collections.abc import Iterable

from roofprof.formats.ncu_rep import Block, strings
from roofprof.formats.ncu_rep_results import Number, Texts, read_value
from roofprof.formats.protobuf import Data, FramingError, Span, fields

_DEVICE = 6  # of a session
_INDEX, _DISPLAY_NAME, _ATTRIBUTE = 1, 2, 3  # of a device
_ATTRIBUTE_NAME, _ATTRIBUTE_VALUE = 1, 2

Attributes = dict[str, Number | str]


def string_table(data: Data, blocks: Iterable[Block], texts: Texts) -> list[str]:
    """The strings of all blocks in order; a metric's name id is the place of its name among them.

    Raises:
        FramingError: naming the block whose strings cannot be read.
    """
    found: list[str] = []
    for place, block in enumerate(blocks):
        try:
            found += [texts[span] for span in strings(data, block)]
        except FramingError as error:
            raise FramingError(f"block {place} at byte {block.start}, strings: {error}") from None
    return found


def device_attributes(data: Data, blocks: Iterable[Block], texts: Texts) -> dict[int, Attributes]:
    """Index of each device to its attributes.

    Raises:
        FramingError: naming the block whose session cannot be read.
    """
    found: dict[int, Attributes] = {}
    for place, block in enumerate(blocks):
        try:
            for session in block.sessions:
                found |= _devices(data, session, texts)
        except FramingError as error:
            raise FramingError(f"block {place} at byte {block.start}, session: {error}") from None
    return found


def _devices(data: Data, session: Span, texts: Texts) -> dict[int, Attributes]:
    found: dict[int, Attributes] = {}
    for number, device in fields(data, *session):
        if number != _DEVICE or isinstance(device, int):
            continue
        index, attributes = 0, Attributes()
        for part, value in fields(data, *device):
            if part == _INDEX and isinstance(value, int):
                index = value
            elif part == _DISPLAY_NAME and isinstance(value, tuple):
                attributes["device__attribute_display_name"] = texts[value]
            elif part == _ATTRIBUTE and isinstance(value, tuple):
                pair = {name: span for name, span in fields(data, *value) if isinstance(span, tuple)}
                if _ATTRIBUTE_NAME in pair and _ATTRIBUTE_VALUE in pair:
                    name = texts[pair[_ATTRIBUTE_NAME]]
                    attributes[name] = read_value(data, pair[_ATTRIBUTE_VALUE], texts)
        found[index] = attributes
    return found
