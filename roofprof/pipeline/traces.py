"""The nsys traces of a file, a capture, or a capture over ranks, by names that differ."""

from pathlib import Path

from roofprof.errors import RoofprofError
from roofprof.files import plain_name
from roofprof.formats.capture import find_traces
from roofprof.pipeline.rank_folders import is_of_ranks, rank_folders


def named_traces(source: Path) -> list[tuple[str, Path]]:
    """The traces that a path means, and what to call them; of a capture over ranks those of every rank that has any.

    Raises:
        RoofprofError: no such path, or one without a trace.
    """
    if not is_of_ranks(source):
        return [(plain_name(path.name), path) for path in find_traces(source)]
    found, lacking = [], list[RoofprofError]()
    for folder in rank_folders(source).values():
        try:
            found += [(f"{plain_name(folder.name)}/{plain_name(path.name)}", path) for path in find_traces(folder)]
        except RoofprofError as error:
            lacking.append(error)
    if lacking and not found:
        raise RoofprofError(f"no rank of {source} has an nsys trace", lacking[0].hint)
    return found
