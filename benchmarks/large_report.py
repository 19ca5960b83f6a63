"""Makes a large report of a real one by repeating its launch blocks."""

import sys
from pathlib import Path

from roofprof.formats.ncu_rep_file import open_report, read_blocks

SOURCE = Path(__file__).parent.parent / "tests/data/h100-decode-b64-s4096.ncu-rep"


def make(launches: int, path: Path) -> Path:
    """Write a report of at least so many launches; the strings stay in the first blocks."""
    data = open_report(SOURCE)
    blocks = read_blocks(data, SOURCE)
    # A block that also holds the string table stays single: repeating it would repeat the strings.
    repeatable = [b for b in blocks if b.result_count and b.header[1] - b.start < 1000]
    count = sum(b.result_count for b in blocks)
    with path.open("wb") as file:
        file.write(data)
        while count < launches:
            for block in repeatable:
                file.write(data[block.start : block.end])
                count += block.result_count
                if count >= launches:
                    break
    return path


if __name__ == "__main__":
    print(make(int(sys.argv[1]), Path(sys.argv[2])))
