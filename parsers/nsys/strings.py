"""Names of an nsys export: StringIds, by integer id."""

import numpy as np
import numpy.typing as npt
import polars as pl

from roofprof.formats.nsys import STRINGS
from roofprof.parsers.nsys.tables import Integers, NsysTables
from roofprof.timeline.frames import slices

_FIRST_OF_NSYS = "GpuMetrics"
"""nsys' own string 0, which an export has where nsys found no name for a kernel of JIT-compiled code (2025.3)."""


class NsysNames:
    """The strings of one export, looked up in bulk."""

    def __init__(self, tables: NsysTables) -> None:
        ids = tables.integers(STRINGS, ["id"])["id"]
        order = np.argsort(ids, kind="stable")
        self._ids = ids[order]
        self._values = tables.texts(STRINGS, "value").gather(order)

    def unfound(self, ids: Integers) -> npt.NDArray[np.bool_]:
        """Which ids stand for a kernel whose name nsys did not find."""
        if not len(self._ids) or self._ids[0] != 0 or self._values[0] != _FIRST_OF_NSYS:
            return np.zeros(len(ids), bool)
        found: npt.NDArray[np.bool_] = ids == 0
        return found

    def strings(self, ids: Integers) -> pl.Series:
        """The string of each id, null for one that the export does not have."""
        return self._values.gather(self._positions(ids))

    def categories(self, ids: Integers) -> pl.Series:
        """The same as a categorical column: one string for any number of rows."""
        positions = self._positions(ids)
        known = positions.drop_nulls().to_numpy()
        used = np.flatnonzero(np.bincount(known, minlength=1)) if len(known) else np.empty(0, np.int64)
        codes = np.zeros(len(self._values) + 1, np.uint32)
        codes[used] = np.arange(len(used))
        physical = pl.Series(codes[positions.fill_null(len(self._values)).to_numpy()])
        if positions.null_count():
            physical = physical.set(positions.is_null(), None)
        return self._values.gather(used).cast(pl.Categorical()).gather(physical)

    def _positions(self, ids: Integers) -> pl.Series:
        if not len(self._ids):
            return pl.repeat(None, len(ids), dtype=pl.UInt32, eager=True)
        at, missing = np.empty(len(ids), np.uint32), np.empty(len(ids), bool)
        for rows in slices(len(ids)):
            at[rows] = np.minimum(np.searchsorted(self._ids, ids[rows]), len(self._ids) - 1)
            missing[rows] = self._ids[at[rows]] != ids[rows]
        positions = pl.Series(at)
        return positions.set(pl.Series(missing), None) if missing.any() else positions
