"""Several captures in a row, one for each size."""
