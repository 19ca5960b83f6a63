"""What of a timeline is shown: rows of ops and kernels in order, and the JSON document."""
