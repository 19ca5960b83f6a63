"""What to optimise first, why, and what it would bring: the answer that every output opens with."""
