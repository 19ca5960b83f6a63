from pathlib import Path

import pytest

from roofprof.formats.ncu_rep import blocks, whole_blocks
from roofprof.formats.protobuf import FramingError


def test_a_report_is_blocks_to_its_last_byte(sample: Path) -> None:
    found = blocks(sample.read_bytes())
    assert sum(b.result_count for b in found) == 9
    assert {kind for b in found for kind, _, _ in b.messages} == {"kernel"}


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.9999])
def test_a_cut_report_gives_its_whole_blocks(sample: Path, part: float) -> None:
    data = sample.read_bytes()
    cut = data[: int(len(data) * part)]
    with pytest.raises(FramingError):
        blocks(cut)
    found, end = whole_blocks(cut)
    assert blocks(cut[:end]) == found
    assert sum(b.result_count for b in found) < 9


@pytest.mark.parametrize("data", [b"", b"NVR", b"NVR\0", b"NVR\0\xff\xff\xff\xff", b"SQLite format 3\0"])
def test_what_is_not_a_report_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        whole_blocks(data)


def test_no_cut_is_a_crash(sample: Path) -> None:
    data = sample.read_bytes()
    for end in range(16, len(data), 997):
        whole_blocks(data[:end])
