"""A polars frame as one of pandas, for those who have the extra."""

from typing import TYPE_CHECKING

import polars as pl

from roofprof.errors import RoofprofError

if TYPE_CHECKING:
    import pandas as pd


def pandas_frame(frame: pl.DataFrame) -> "pd.DataFrame":
    """The same rows and columns.

    Args:
        frame: `ops_frame(report)`, `report.kernels`, or any other.

    Raises:
        RoofprofError: pandas or pyarrow is not installed; they are the extra `pandas`.
    """
    try:
        return frame.to_pandas()
    except ModuleNotFoundError as error:
        raise RoofprofError(f"pandas frames need pandas and pyarrow: {error}", "pip install pandas pyarrow") from error
