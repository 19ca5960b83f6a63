"""One analysis over the ranks of a job: calls matched over ranks, waits apart from transfers, sent bytes."""
