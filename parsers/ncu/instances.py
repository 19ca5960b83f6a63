"""Instance values of one metric, read on request: the histogram of opcodes, values per program counter and so on."""

from pathlib import Path

import polars as pl

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep_file import DAMAGED_HINT, open_report, read_blocks
from roofprof.formats.ncu_rep_results import Texts, metric_instances, read_head, read_metrics
from roofprof.formats.ncu_rep_session import string_table
from roofprof.formats.protobuf import FramingError
from roofprof.hardware.opcodes import WARP_OPCODES
from roofprof.parsers.ncu.reader import damaged, result_places

INSTANCE_SCHEMA = pl.Schema({"launch_id": pl.Int64, "key": pl.String, "value": pl.Float64})


def read_instances(path: Path, metric: str = WARP_OPCODES) -> pl.DataFrame:
    """The instances of one metric in every launch, `INSTANCE_SCHEMA`, in file order; empty where there are none.

    Args:
        path: an .ncu-rep file.
        metric: its name. Keys are text as the file has it: an opcode, or a number such as a program counter.

    Raises:
        ReportError: not a report, or damaged.
    """
    data = open_report(path)
    blocks = read_blocks(data, path)
    places = list(result_places(blocks, path))
    texts = Texts(data)
    rows: list[tuple[int, str | None, float | None]] = []
    try:
        wanted = {place for place, name in enumerate(string_table(data, blocks, texts)) if name == metric}
    except FramingError as error:
        raise ReportError(f"{path} is damaged: {error}", DAMAGED_HINT) from None
    for launch, place in enumerate(places):
        try:
            head = read_head(data, place.kind, (place.start, place.end), texts)
            held = [span for name, span in read_metrics(data, place.kind, head, place.end) if name in wanted]
            for key, value in metric_instances(data, held[-1], texts) if held else ():
                number = float(value) if isinstance(value, int | float) else None
                rows.append((launch, None if key is None else str(key), number))
        except FramingError as error:
            raise damaged(path, blocks, places, launch, error) from None
    return pl.DataFrame(rows, schema=INSTANCE_SCHEMA, orient="row")
