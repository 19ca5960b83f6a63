"""Makes a large report of a real one by repeating its launches, each under numbers of its own.

python benchmarks/large_report.py LAUNCHES PATH
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from roofprof.formats.ncu_rep import U32, Block
from roofprof.formats.ncu_rep_file import open_report, read_blocks
from roofprof.formats.protobuf import Data, spans, varint

SOURCE = Path(__file__).parent.parent / "tests/data/h100-decode-b64-s4096.ncu-rep"

Rule = Mapping[int, "Rule | None"]
_CALL, _SECOND, _NVTX, _PAYLOAD_BYTES = 2, 14, 21, 5
_STEPS = {_CALL: 1 << 18, _SECOND: 60}
"""What is added in each round: more than the source counts."""
_OPENED_AT: Rule = {2: {2: {3: {3: None}}}}  # of an NVTX state: in threads, domains, ranges


def make(launches: int, path: Path) -> Path:
    """Write a report of at least so many launches, no two of the same API call or the same instance of a range."""
    data = open_report(SOURCE)
    blocks = read_blocks(data, SOURCE)
    # A block that also holds strings stays single: repeating it would repeat the strings.
    repeated = [_parts(data, block) for block in blocks if block.results and not block.string_tables]
    count = sum(block.result_count for block in blocks)
    round_number = 0
    with path.open("wb") as file:
        file.write(data)
        while count < launches:
            round_number += 1
            for parts in repeated[: launches - count]:
                file.write(_block(*parts, round_number))
            count += min(len(repeated), launches - count)
    return path


def _parts(data: Data, block: Block) -> tuple[bytes, list[bytes | tuple[int, int]], bytes]:
    """Header without the payload's length; bytes and numbers (field, value) of the result; its NVTX state."""
    header = b"".join(data[a:b] for number, _, (a, b) in spans(data, *block.header) if number != _PAYLOAD_BYTES)
    ((_, start, end),) = block.results
    pieces: list[bytes | tuple[int, int]] = []
    state = b""
    for number, value, (a, b) in spans(data, start, end):
        if number == _NVTX and not isinstance(value, int):
            state = bytes(data[slice(*value)])
        elif number in (_CALL, _SECOND) and isinstance(value, int):
            pieces.append((number, value))
        elif pieces and isinstance(last := pieces[-1], bytes):
            pieces[-1] = last + bytes(data[a:b])
        else:
            pieces.append(bytes(data[a:b]))
    return header, pieces, state


def _block(header: bytes, pieces: list[bytes | tuple[int, int]], state: bytes, round_number: int) -> bytes:
    result = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            result += piece
        else:
            number, value = piece
            result += varint(number << 3) + varint(value + round_number * _STEPS[number])
    nvtx = _shifted(state, _OPENED_AT, round_number * _STEPS[_CALL])
    result += varint(_NVTX << 3 | 2) + varint(len(nvtx)) + nvtx
    header += varint(_PAYLOAD_BYTES << 3) + varint(len(result) + 4)
    return U32.pack(len(header)) + header + U32.pack(len(result)) + result


def _shifted(message: bytes, rule: Rule, offset: int) -> bytes:
    """The message with an offset added to the numbers that the rule leads to."""
    out = b""
    for number, value, (start, end) in spans(message, 0, len(message)):
        inner = rule.get(number)
        if number not in rule:
            out += message[start:end]
        elif isinstance(value, int):
            out += varint(number << 3) + varint(value + offset)
        elif inner is not None:
            content = _shifted(message[slice(*value)], inner, offset)
            out += varint(number << 3 | 2) + varint(len(content)) + content
    return out


if __name__ == "__main__":
    print(make(int(sys.argv[1]), Path(sys.argv[2])))
