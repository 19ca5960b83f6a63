"""The progress file: what the process is doing, for whoever runs it."""

import json
import time
from typing import TextIO

from roofprof.errors import RoofprofError


class EventLog:
    """Appends events to a file, one JSON object per line; nothing without a file."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> "EventLog":
        if self._path is not None:
            try:
                self._file = open(self._path, "a", encoding="utf-8", buffering=1)
            except OSError as error:
                raise RoofprofError(f"cannot write {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(self, event: str, **fields: object) -> None:
        """Write one event."""
        if self._file is not None:
            line = {"event": event, **fields, "time_s": round(time.time(), 3)}
            self._file.write(json.dumps(line) + "\n")
